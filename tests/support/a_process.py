"""A gateway process that has something to tell of each of its parts."""

from gateway.operations.metrics import Vitals

VITALS = Vitals(
    ready=True,
    broker_up=False,
    broker_lag=0.004,
    loop_lag=0.02,
    watchers={"socketio": 7, "sse": 2},
    events_sent=100,
    states_merged=30,
    watchers_stuck=1,
    activities_refused=3,
    connections=9,
    connections_refused={"total": 5, "address": 6, "principal": 7},
    limits_reached={"messages-per-second": 2},
    snapshots_waiting=8,
    sign_ins={"failed": 11, "refused": 12},
    tokens_known={"history": 13, "file": 14},
    audit_waiting=15,
    audit_lost=16,
    broker_auth={"allowed": 4, "grants": 5},
    provider={"answered": 2, "failed": 1},
)
