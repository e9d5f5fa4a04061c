"""The service's side of the reader agents: pairing, sealed lines, and whose card lies in which reader.

pairings.py   one-time codes and what they are exchanged for
lines.py      the open lines: ask the agent something, hear what its readers say
doors.py      POST /v1/reader-pairings and the WebSocket /v1/reader-line
"""
