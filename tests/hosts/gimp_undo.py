#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Undo in the real GIMP: what the procedures do to an image is taken back by one
Ctrl+Z in its window, exactly, and is there again after Ctrl+Y.

usage: gimp_undo.py PLUG-IN MODEL SOURCE-ROOT [FOLDER for screenshots]

GIMP runs on a display of its own, in a namespace without a network, where its Script-Fu
server tells the state of the image. Ends with 77 where something for that is missing.
"""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PLUG_IN, MODEL, SOURCE = (os.path.abspath(a) for a in sys.argv[1:4])
SHOTS = os.path.abspath(sys.argv[4]) if len(sys.argv) > 4 else None
PORT = 10008
EXAMPLE = SOURCE + "/core/nano/example.png"

# What the two dialects of Script-Fu call by other names.
DIALECT = {
    2: """
(define (open-picture f) (car (gimp-file-load RUN-NONINTERACTIVE f f)))
(define (show i) (car (gimp-display-new i)))
(define (selected i x y) (car (gimp-selection-value i x y)))
(define (layer-list i) (vector->list (cadr (gimp-image-get-layers i))))
(define (children d) (if (= (car (gimp-item-is-group d)) TRUE)
  (vector->list (cadr (gimp-item-get-children d))) '()))
(define (layer-state d) (list (car (gimp-item-get-name d)) (gimp-drawable-offsets d)
  (car (gimp-drawable-width d)) (car (gimp-drawable-height d)) (map layer-state (children d))))
(define (path-list i) (vector->list (cadr (gimp-image-get-vectors i))))
(define (path-name p) (car (gimp-item-get-name p)))
(define (size i) (list (car (gimp-image-width i)) (car (gimp-image-height i))))
(define (next-guide i g) (car (gimp-image-find-next-guide i g)))
(define (guide-at i g) (car (gimp-image-get-guide-position i g)))
(define (parasites i) (cadr (gimp-image-get-parasite-list i)))
(define (parasite i n) (caddr (car (gimp-image-get-parasite i n))))
(define (metadata i) (car (gimp-image-get-metadata i)))
(define (describe i keep) (plug-in-espy-describe RUN-NONINTERACTIVE i (car (layer-list i))
  "caption" "" "en" "visible" keep "" 2))
(define (find i as) (plug-in-espy-find RUN-NONINTERACTIVE i (car (layer-list i))
  "diamond, cactus" "visible" as "" 2))
(define (close-display v) (gimp-display-delete v))
""",
    3: """
(script-fu-use-v3)
(define (open-picture f) (gimp-file-load RUN-NONINTERACTIVE f))
(define (show i) (gimp-display-new i))
(define (selected i x y) (gimp-selection-value i x y))
(define (layer-list i) (vector->list (gimp-image-get-layers i)))
(define (children d) (if (gimp-item-is-group d) (vector->list (gimp-item-get-children d)) '()))
(define (layer-state d) (list (gimp-item-get-name d) (gimp-drawable-get-offsets d)
  (gimp-drawable-get-width d) (gimp-drawable-get-height d) (map layer-state (children d))))
(define (path-list i) (vector->list (gimp-image-get-paths i)))
(define (path-name p) (gimp-item-get-name p))
(define (size i) (list (gimp-image-get-width i) (gimp-image-get-height i)))
(define (next-guide i g) (gimp-image-find-next-guide i g))
(define (guide-at i g) (gimp-image-get-guide-position i g))
(define (parasites i) (gimp-image-get-parasite-list i))
(define (parasite i n) (caddr (gimp-image-get-parasite i n)))
(define (metadata i) "") ; no script can ask for it: see exported()
(define (describe i keep) (plug-in-espy-describe #:run-mode RUN-NONINTERACTIVE #:image i
  #:drawables (list->vector (layer-list i)) #:language "en" #:keep keep))
(define (find i as) (plug-in-espy-find #:run-mode RUN-NONINTERACTIVE #:image i
  #:drawables (list->vector (layer-list i)) #:what "diamond, cactus" #:as as))
(define (close-display v) (gimp-display-delete v))
""",
}
# All that a result may change; the numbers of guides are not of interest, their places are.
STATE = """
(define (guides i) (let loop ((g (next-guide i 0)))
  (if (= g 0) '() (cons (guide-at i g) (loop (next-guide i g))))))
(define (comment i) (if (member "gimp-comment" (parasites i)) (parasite i "gimp-comment") ""))
(define (row i x y) (if (< x 0) '() (cons (selected i x y) (row i (- x 15) y))))
(define (rows i y) (if (< y 0) '() (cons (row i (- (car (size i)) 1) y) (rows i (- y 15)))))
(define (selection i) (list (gimp-selection-bounds i) (rows i (- (cadr (size i)) 1))))
(define (state i) (list (size i) (selection i) (map layer-state (layer-list i))
  (map path-name (path-list i)) (guides i) (comment i) (metadata i)))
"""
TEXTS = ["comment", "layer-name", "text-layer", "alt-text"]
FINDS = ["selection-new", "selection-add", "selection-subtract", "selection-intersect", "paths",
         "guides", "layers", "text-layers", "crop"]

failures = []


def check(what, ok, detail=""):
    print(("ok    " if ok else "FAIL  ") + what + ("" if ok else ": " + str(detail)), flush=True)
    if not ok:
        failures.append(what)


def until(seconds, true):
    """What true() returns as soon as it is something, None after that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        time.sleep(0.2)
    return None


class Server:
    """GIMP's Script-Fu server: each call is answered with what it displays."""

    def __init__(self, process, version, folder):
        self.version, self.folder = version, folder

        def connect():
            if process.poll() is not None:
                sys.exit(f"GIMP ended with {process.returncode}")
            try:
                return socket.create_connection(("127.0.0.1", PORT), timeout=120)
            except OSError:
                return None

        self.socket = until(120, connect)
        if not self.socket:
            sys.exit("GIMP's Script-Fu server does not answer")

    def receive(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError("the Script-Fu server ended")
            data += more
        return data

    def run(self, script):
        data = script.encode()
        self.socket.sendall(b"G" + struct.pack(">H", len(data)) + data)
        magic, failed, n = struct.unpack(">cBH", self.receive(4))
        text = self.receive(n).decode("utf-8", "replace")
        if magic != b"G" or failed:
            raise RuntimeError(f"{script.strip()[:200]}: {text}")
        return text

    def exported(self):
        """The alt text that a file of the image has."""
        path = self.folder + "/exported.png"
        self.run("(file-png-export #:run-mode RUN-NONINTERACTIVE #:image i"
                 f' #:file "{path}" #:include-xmp #t)')
        return subprocess.run(["exiftool", "-s3", "-XMP-iptcCore:AltTextAccessibility", path],
                              stdout=subprocess.PIPE, check=True).stdout.decode()

    def state(self, way):
        exported = way == "alt-text" and self.version.startswith("3.")
        return self.run("(write (state i))") + (self.exported() if exported else "")


def press(key):
    subprocess.run(["xdotool", "key", "--clearmodifiers", key], check=True)


def shot(name):
    if SHOTS:
        os.makedirs(SHOTS, exist_ok=True)
        subprocess.run(["import", "-window", "root", f"{SHOTS}/{name}.png"], check=False)


def focus(title):
    """The keyboard to the canvas of the image."""
    def shown():
        got = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", title],
                             stdout=subprocess.PIPE).stdout.split()
        return got and got[0].decode()

    window = until(60, shown)
    if not window:
        shot("no-window")
        sys.exit(f"GIMP shows no window '{title}'")
    subprocess.run(["xdotool", "windowactivate", "--sync", window], check=True)


def try_one(server, name, call):
    server.run(f'(define i (open-picture "{EXAMPLE}")) (gimp-image-select-rectangle i'
               " CHANNEL-OP-REPLACE 10 10 250 250) (gimp-image-clean-all i) (define v (show i))")
    focus("490x335")
    time.sleep(1)
    before = server.state(name)
    server.run(call)
    after = server.state(name)
    check(f"{name}: changes the image", after != before, after)
    press("ctrl+z")
    until(8, lambda: server.state(name) == before)
    undone = server.state(name)
    check(f"{name}: undone by one Ctrl+Z", undone == before, f"\n{before}\n{undone}")
    press("ctrl+y")
    until(8, lambda: server.state(name) == after)
    redone = server.state(name)
    check(f"{name}: done again by Ctrl+Y", redone == after, f"\n{after}\n{redone}")
    if failures:
        shot(name)
    server.run("(close-display v)")


def install(folder, version):
    """A home with the plug-in, whose GIMP asks nothing at its start."""
    config = f"{folder}/.config/GIMP/" + ".".join(version.split(".")[:2])
    os.makedirs(config + "/plug-ins/espy-gimp")
    os.symlink(PLUG_IN, config + "/plug-ins/espy-gimp/espy-gimp")
    with open(config + "/gimprc", "w", encoding="utf-8") as f:
        if version.startswith("3."):
            f.write(f'(config-version "{version}")\n(show-welcome-dialog no)\n')
        f.write("(check-updates no)\n(color-profile-policy keep)\n"
                "(save-session-info no)\n")


def start(folder, version):
    env = {**os.environ, "HOME": folder, "XDG_RUNTIME_DIR": folder, "ESPY_MODEL": "espy-nano",
           "ESPY_MODELS": os.path.dirname(MODEL), "LC_ALL": "C.UTF-8", "NO_AT_BRIDGE": "1",
           "LIBGL_ALWAYS_SOFTWARE": "1"}
    env.pop("XDG_CONFIG_HOME", None)
    if version.startswith("3."):
        serve = (f'(script-fu-use-v3) (plug-in-script-fu-server #:run-mode RUN-NONINTERACTIVE'
                 f' #:ip "127.0.0.1" #:port {PORT} #:logfile "{folder}/server.log")')
    else:
        serve = f'(plug-in-script-fu-server RUN-NONINTERACTIVE "127.0.0.1" {PORT} "{folder}/server.log")'
    gimp = shutil.which("gimp-" + ".".join(version.split(".")[:2])) or "gimp"
    return subprocess.Popen([gimp, "--batch-interpreter", "plug-in-script-fu-eval", "-b", serve],
                            env=env, stdin=subprocess.DEVNULL, start_new_session=True)


def missing():
    """What is lacking here, or None."""
    for program in ("gimp", "xvfb-run", "xdotool", "openbox", "exiftool", "dbus-run-session", "unshare", "ip"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            return program
    if not os.path.exists(PLUG_IN):
        return PLUG_IN
    return None


def enter_display():
    """Runs this program again with a display, and no network but the machine's own loop."""
    rights = next((r for r in (["--net"], ["--map-root-user", "--net"]) if subprocess.run(
        ["unshare", *r, "true"], stderr=subprocess.DEVNULL).returncode == 0), None)
    if not rights:
        return
    env = {**os.environ, "ESPY_UNDO_DISPLAY": "1",
           "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    os.execvpe("unshare", ["unshare", *rights, "sh", "-ec", 'ip link set lo up; exec "$@"', "sh",
                           "dbus-run-session", "--", "xvfb-run", "-a", "-s", "-screen 0 1280x900x24",
                           sys.executable, "-B", *sys.argv], env)


def skip(reason):
    print("skipped: needs " + reason)
    return 1 if os.environ.get("ESPY_NEEDS_HOSTS") else 77


def main():
    if missing():
        return skip(missing())
    if not os.environ.get("ESPY_UNDO_DISPLAY"):
        enter_display()
        return skip("the right to make a network namespace (unshare --net)")
    said = subprocess.run(["gimp", "--version"], stdout=subprocess.PIPE).stdout.decode()
    version = re.search(r"\d+\.\d+\.\d+", said).group(0)
    print("GIMP", version, flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        install(folder, version)
        manager = subprocess.Popen(["openbox"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        gimp = start(folder, version)
        try:
            server = Server(gimp, version, folder)
            server.run(DIALECT[int(version[0])] + STATE)
            for way in TEXTS:
                try_one(server, way, f'(describe i "{way}")')
            for way in FINDS:
                try_one(server, way, f'(find i "{way}")')
        finally:
            os.killpg(gimp.pid, signal.SIGKILL)  # with its plug-ins, which would outlive it
            manager.kill()
            gimp.wait()
            manager.wait()
    print(f"{len(failures)} failed" if failures else "all passed")
    return 1 if failures else 0


sys.exit(main())
