"""The practice provider: three providers' wire protocols on loopback, and no model behind them.

It lets everything be tried and tested without a key, an account or a network: real SDKs, a real
socket, a sealed key. Its replies come from the lint rules, and every result says so.
"""
