"""The crash suite: processes are killed in mid-answer, and every byte that anybody saw is compared with what is kept.

    record     what one reader saw, event by event, with offsets and times      pure
    compare    what was seen, kept and said, compared: the faults               pure
    report     the figures of a scenario, and the table                         pure
    readers    readers over three transports, which reconnect as clients do
    control    installations that can be hit: processes, Postgres, Redis, or somebody's own commands
    scenarios  what is hit in which shape, and how often
    suite      answers are asked for without a break while the installation is hit
    appends    the same for streams that producers append to over HTTP
    moments    joins, stops and two tabs, at random moments

`make crash` runs all of it at full size. `python -m acceptance.crash --start CMD --kill CMD --url URL` runs it against
any installation.
"""
