"""What the demo model builds when it is asked to: a small API of things, in either stack, and a handful of amendments.

    request ─► building.reply ─► draft (name, features, wishes) ─► fastapi | express ─► files ─► tags

It is a script, and says so. All it knows of a project is what the request shows of it: the same request gives the same
reply, after any number of others.
"""
