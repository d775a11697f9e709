"""Files that outlive a process: where they are, and SQLite that threads, forks and other processes may share."""
