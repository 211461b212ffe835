"""Comparison of coding agents on one endpoint: Signoff in each dialect, mini-swe-agent, aider, on the same tasks.

``python -m benchmarks.agents --endpoint http://127.0.0.1:8012/v1 --model NAME`` runs what is not yet in the file of
results and prints the table; it can be stopped and started again. Peers run their commands in the same image, without
a network except to the endpoint. All of them are given the same limits: calls, minutes, temperature as each has it.
"""
