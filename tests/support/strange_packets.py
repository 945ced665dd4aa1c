"""Packets of Socket.IO that no client sends: odd, out of place, nested deeply, mutated."""

import random

WATCH = '{"watch":"builds/#"}'
FILE = '{"_placeholder":true,"num":0}'
NAMES = [
    "connect",
    "disconnect",
    "connect_error",
    "disconnecting",
    "message",
    "error",
    "*",
    "watch",
]
NAMES += ["__disconnect_final", "newListener", "removeListener", "feed", "build", "unwatch", ""]
ARGUMENTS = ["", ",{}", f",{{}},{WATCH}", f",{WATCH}", ',"builds/#"', ',["builds/#"]', ",1,2,3,4"]
ARGUMENTS += [',"a reason\nof mine"', ",null", f",{FILE}", ",[]", ',["builds/acme/#",3]']
AUTHS = ["", WATCH, WATCH, "{}", '{"watch":[]}', '{"watch":"x"}', '{"watch":{"a":[1]}}', "[]", "7"]
AUTHS += ['"x"', '{"watch":null}', '{"watch":["builds/#",3]}', '{"token":""}', '{"token":7}']
TOKENS = ["bf_" + "a" * 32, "bf_", "bs_" + "a" * 32, "bl_" + "0" * 32, "x" * 300, "bf_\\u0000"]
ODD = ["42", "42[]", "42[[]]", '42[["connect"]]', '42[{"a":1}]', "42[1]", "42[null]", '42{"0":1}']
ODD += ["41", "41/x,", "41{}", "40/x,", f"40/x,{WATCH}", f"40/,{WATCH}", "43[]", "430[]", "44{}"]
ODD += [f'451-["connect",{FILE}]', '459-["connect"]', '452-/x,["connect"]', '451-["disconnect"]']
ODD += [f'451-7["watch",{FILE}]', "461-[]", "451-", "4", "47", "42[" + "9" * 9999, "b4", "bAAEC"]
ODD += [
    "",
    "0",
    "2",
    "2probe",
    "3",
    "5",
    "6",
    "x",
    '42["watch","builds/#"',
    '429["watch","\\u0000"]',
]
HUGE = ["9" * 99, "9" * 5000, "1e999", "-1e400", "0.1e-999", "1" + "0" * 400, "NaN", "-Infinity"]
ENOUGH = 200
"""Bytes of a packet that are worth a mutation."""


def some_packet(rng: random.Random) -> str:
    """Return a packet, mostly one that is out of place."""
    kind = rng.random()
    if kind < 0.02:
        ack = rng.choice(["", "7"])
        return f'42{ack}["auth",{some_token(rng)}]'
    if kind < 0.2:
        return rng.choice(ODD)
    if kind < 0.4:
        return rng.choice(["41", "41", "1", some_connect(rng), some_connect(rng)])
    if kind < 0.45:
        return f'42["watch",{some_depth(rng)}]'
    namespace = rng.choice(["", "", "", "/x,", "/,"])
    ack = rng.choice(["", str(rng.randrange(100))])
    return f'42{namespace}{ack}["{rng.choice(NAMES)}"{rng.choice(ARGUMENTS)}]'


def some_connect(rng: random.Random) -> str:
    """Return a connect with one of many kinds of auth."""
    if rng.random() < 0.02:
        return f'40{{"token":{some_token(rng)},"watch":"builds/#"}}'
    return "40" + rng.choice([*AUTHS, f'{{"watch":{some_depth(rng)}}}'])


def some_token(rng: random.Random) -> str:
    """Return the JSON of what is no token."""
    return rng.choice(
        [*(f'"{token}"' for token in TOKENS), '{"token":{}}', "null", some_depth(rng)]
    )


def some_depth(rng: random.Random) -> str:
    """Return JSON that nests near what Python's stack allows."""
    depth = rng.randrange(950, 1000)
    return "[" * depth + "]" * depth


def mutated_packet(rng: random.Random) -> str:
    """Return a packet, maybe with huge numbers in it or some characters changed."""
    kind = rng.random()
    if kind < 0.1:
        return f'42{rng.choice(["", "7", "9" * 300, "٣", "²"])}["watch",{rng.choice(HUGE)}]'
    if kind < 0.15:
        many = ",".join(f'"builds/p{number}/#"' for number in range(rng.choice([10, 99, 101, 900])))
        return f'421["{rng.choice(["watch", "unwatch"])}",[{many}]]'
    if kind < 0.2:
        return f'42/{"n" * rng.choice([1, 900])},["watch",{{"after":"{rng.random()}"}}]'
    packet = some_packet(rng)
    if kind < 0.4 and packet:
        at = rng.randrange(min(len(packet), ENOUGH))
        some = rng.choice(
            ["", chr(rng.randrange(0x20, 0x7F)), "\0", "é", "\U0001f600", packet[:at]]
        )
        packet = packet[:at] + some + packet[at + rng.randrange(2) :]
    return packet
