"""How values show themselves: on a terminal, in a notebook, as a data frame, as a plot.

Everything here is pure, and imported only when something is shown. Nothing is imported into this file, so that an error
message which names an amount of money loads `money` alone.
"""
