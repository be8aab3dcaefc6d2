"""Write the rules of a LedgerQuest game in Python.

Start at :mod:`lq_engine.ecs`: components, systems, command handlers. :mod:`lq_engine.testing` runs
them in memory, under pytest or unittest, without a server.
"""
