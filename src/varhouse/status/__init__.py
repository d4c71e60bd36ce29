"""What goes on in a store: what runs, waits, was held back, and how long there is room.

A joining room: it asks the store, the work folders of ingests and the inbox, and only
looks. It takes no lock and writes nothing.
"""
