"""The reader agent: a small program beside the reader, between cards, one service, and the people in front of it.

operations.py  what may be asked of it, by whom: closed lists
refusals.py    why it refuses
card_thread.py the one thread that talks to PC/SC
readers.py     which reader holds which card, live
prompts.py     what the person at the reader is asked, on the agent's own page
agent.py       the operations themselves
door.py        its HTTP door on loopback: its own page, and the WebSocket for the paired web page
"""
