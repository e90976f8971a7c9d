#!/usr/bin/env python3
"""Draws a terminal session with knetstat as an SVG: the output is that of real commands on real sockets.

    docs/picture.py PROGRAM > docs/session.svg        as root; `make picture` runs this

The sockets are opened in a network namespace of their own, with addresses that are reserved for
documentation, and in a PID namespace of their own, so that the same program draws the same picture, but
for the order of the rows.
"""

import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
from fcntl import ioctl
from html import escape
from termios import TIOCSWINSZ

# What is typed, after "knetstat".
SESSION = [
    "-tp",
    "-t --dport 5432 --columns local,command,options -O keepalive,keepidle,keepintvl,user_timeout",
    "options user_timeout",
]
COLUMNS = 120
HOST = "192.0.2.10"

# In pixels, for a monospace font of 14 pixels. Each line is stretched to its columns.
CELL, LINE, MARGIN = 8.4, 19, 16

BACKGROUND, FOREGROUND, PROMPT, DIM = "#1e2229", "#d5dae1", "#8ccf7e", "#8a94a3"
COLORS = ["#5c6370", "#f07178", "#8ccf7e", "#e5c76b", "#67b0e8", "#c47fd5", "#6cbfbf", "#d5dae1"]


# The sockets

def listen(port, *options):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for level, name, value in options:
        listener.setsockopt(level, name, value)
    listener.bind((HOST, port))
    listener.listen(511)
    return listener


def connect(port, local_port, *options):
    client = socket.socket()
    for level, name, value in options:
        client.setsockopt(level, name, value)
    client.bind((HOST, local_port))
    client.connect((HOST, port))
    return client


TCP, SOCKET = socket.IPPROTO_TCP, socket.SOL_SOCKET


def web():
    return [listen(80, (SOCKET, socket.SO_REUSEPORT, 1), (TCP, socket.TCP_DEFER_ACCEPT, 5),
                   (TCP, socket.TCP_FASTOPEN, 256))]


def database():
    listener = listen(5432)
    yield listener
    for _ in range(2):
        connection = listener.accept()[0]
        connection.setsockopt(SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(TCP, socket.TCP_NODELAY, 1)
        yield connection


def careful():
    return [connect(5432, 42902, (SOCKET, socket.SO_KEEPALIVE, 1), (TCP, socket.TCP_NODELAY, 1),
                    (TCP, socket.TCP_KEEPIDLE, 30), (TCP, socket.TCP_KEEPINTVL, 10),
                    (TCP, socket.TCP_KEEPCNT, 3), (TCP, socket.TCP_USER_TIMEOUT, 60000))]


def careless():
    return [connect(5432, 43310, (SOCKET, socket.SO_RCVBUF, 65536))]


def start(program):
    """Runs a function in a process of its name, which holds the sockets that the function opens. Returns
    when the first is open, with a pipe that ends when all are."""
    ready, opened = os.pipe()
    if os.fork() == 0:
        with open("/proc/self/comm", "w") as name:
            name.write(program.__name__)
        held = []
        for one in program():
            held.append(one)
            os.write(opened, b".")
        os.close(opened)
        signal.pause()
    os.close(opened)
    os.read(ready, 1)
    return ready


def run(command):
    """The output of a shell command on a terminal with COLUMNS columns."""
    terminal, inner = pty.openpty()
    ioctl(inner, TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with subprocess.Popen(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=inner, stderr=inner,
                          env=environment) as process:
        os.close(inner)
        output = b""
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # The other end is closed.
                break
            output += part
    if process.returncode:
        sys.exit(f"{command}: status {process.returncode}\n{output.decode()}")
    return output.decode().replace("\r\n", "\n")


# The picture

def runs(line, style):
    """The parts of a line with text in one style, and the style at its end."""
    parts = []
    for text, codes in re.findall(r"([^\x1b]+)|\x1b\[([0-9;]*)m", line):
        if text:
            parts.append((text, style))
            continue
        for code in map(int, (codes or "0").split(";")):
            style = change(style, code)
    return parts, style


def change(style, code):
    """The style (colour, bold) after a code of SGR."""
    color, bold = style
    if code == 0:
        return FOREGROUND, False
    if code in (1, 22):
        return (FOREGROUND if code == 22 and color == DIM else color), code == 1
    if code == 2:
        return DIM, bold
    if 30 <= code <= 37 or 90 <= code <= 97:
        return COLORS[code % 10], bold
    return (FOREGROUND if code == 39 else color), bold


def fold(parts):
    """Lines of at most COLUMNS characters, as a terminal makes them."""
    lines, room = [[]], COLUMNS
    for text, style in parts:
        while len(text) > room:
            lines[-1].append((text[:room], style))
            text, room = text[room:], COLUMNS
            lines.append([])
        lines[-1].append((text, style))
        room -= len(text)
    return lines


def draw(lines):
    width, height = COLUMNS * CELL + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
           f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">')
    yield "<title>A terminal session with knetstat</title>"
    yield f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>'
    yield (f'<g fill="{FOREGROUND}" font-size="14" xml:space="preserve" '
           'font-family="ui-monospace, \'DejaVu Sans Mono\', Menlo, Consolas, monospace">')
    for number, parts in enumerate(lines):
        text = "".join(text for text, _ in parts)
        if text:
            spans = "".join(span(*part) for part in parts)
            yield (f'<text x="{MARGIN}" y="{MARGIN + 14 + number * LINE}" style="white-space:pre" '
                   f'textLength="{len(text) * CELL:.1f}">{spans}</text>')
    yield "</g>\n</svg>"


def span(text, style):
    color, bold = style
    fill = f' fill="{color}"' if color != FOREGROUND else ""
    weight = ' font-weight="bold"' if bold else ""
    text = escape(text, quote=False)
    return f"<tspan{fill}{weight}>{text}</tspan>" if fill or weight else text


def session(knetstat):
    plain = (FOREGROUND, False)
    for arguments in SESSION:
        yield [("# ", (PROMPT, True)), (f"knetstat {arguments}", plain)]
        style = plain
        for line in run(f"{knetstat} {arguments}").splitlines():
            parts, style = runs(line, style)
            yield from fold(parts)
        yield []


def main():
    if len(sys.argv) == 2:
        alone = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        os.execvp("unshare", [*alone, sys.executable, __file__, os.path.realpath(sys.argv[1]), "alone"])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", HOST, "dev", "lo"], check=True)
    for ready in [start(program) for program in [web, database, careful, careless]]:
        while os.read(ready, 100):
            pass
    lines = list(session(sys.argv[1]))
    print("\n".join(draw(lines[:-1])))


if __name__ == "__main__":
    main()
