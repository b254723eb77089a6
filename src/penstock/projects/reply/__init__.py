"""What a model writes when it builds: text with tags becomes files, byte for byte or not at all. Pure.

text ──► Parser.feed ──► events ──► Staging.apply ──► files, all or none
         Parser.finish ─► Ending ──► continuation: what to ask for when it was cut off
"""
