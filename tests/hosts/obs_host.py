# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real OBS, for tests: a home folder and a display of its own, and the plug-in
installed for that user alone.

OBS's websocket listens on every address, so that all of it has to run in a network
namespace of its own: enter_namespace().
"""
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time


PORT = 4455
WIDTH, HEIGHT, RATE = 640, 360, 30


def missing():
    """What is lacking to start OBS here, or None."""
    for program in ("obs", "Xvfb", "unshare", "ip", "ffmpeg"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            return program
    if not importlib.util.find_spec("websocket"):
        return "python3-websocket"
    for rights in (["--net"], ["--map-root-user", "--net"]):
        if subprocess.run(["unshare", *rights, "true"], stderr=subprocess.DEVNULL).returncode == 0:
            return None
    return "the right to make a network namespace (unshare --net)"


def enter_namespace():
    """Runs this program again where there is no network but the machine's own loop."""
    if os.environ.get("ESPY_OBS_NAMESPACE"):
        return
    rights = ["--net"] if os.geteuid() == 0 else ["--map-root-user", "--net"]
    environment = {**os.environ, "ESPY_OBS_NAMESPACE": "1",
                   "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    os.execvpe("unshare", ["unshare", *rights, "sh", "-ec", 'ip link set lo up; exec "$@"', "sh",
                           sys.executable, "-B", *sys.argv], environment)


def install(home, module, locale, model):
    """As `meson install` with obs_plugin_dir lays it out."""
    place = home + "/.config/obs-studio/plugins/obs-espy"
    for folder in ("bin/64bit", "data/locale", "share/espy/models"):
        os.makedirs(f"{place}/{folder}")
    shutil.copy(module, place + "/bin/64bit/obs-espy.so")
    for name in os.listdir(locale):
        if name.endswith(".ini"):
            shutil.copy(f"{locale}/{name}", place + "/data/locale")
    shutil.copy(model, place + "/share/espy/models/espy-nano.gguf")


def item(number, name):
    """Of a scene, as OBS keeps it."""
    return {"name": name, "id": number, "visible": True, "locked": False, "align": 5,
            "pos": {"x": 0.0, "y": 0.0}, "scale": {"x": 1.0, "y": 1.0},
            "bounds_type": 1, "bounds_align": 0, # stretched to the scene
            "bounds": {"x": float(WIDTH), "y": float(HEIGHT)}}


def collection(picture, filters):
    """Of scenes: "Scene" with a picture, which has filters, and an empty one."""
    def scene(name, items):
        return {"id": "scene", "versioned_id": "scene", "name": name, "settings": {
            "custom_size": False, "id_counter": len(items), "items": items}}
    return {"name": "Test", "current_scene": "Scene", "current_program_scene": "Scene",
            "scene_order": [{"name": "Scene"}, {"name": "Empty"}],
            "sources": [{"id": "image_source", "versioned_id": "image_source", "name": "Picture",
                         "settings": {"file": picture}, "filters": filters},
                        scene("Scene", [item(1, "Picture")]), scene("Empty", [])]}


class Display:
    def __init__(self):
        reads, writes = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writes), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
            pass_fds=[writes], stderr=subprocess.DEVNULL)
        os.close(writes)
        with os.fdopen(reads) as f:
            self.name = ":" + f.readline().strip()

    def close(self):
        self._server.terminate()
        self._server.wait()


class Obs:
    def __init__(self, home, display, language="en-US"):
        self.home, self._display = home, display
        self._config = home + "/.config/obs-studio"
        self.recordings = home + "/Videos"
        for folder in (self.recordings, home + "/run", self._config + "/basic/scenes",
                       self._config + "/basic/profiles/Test",
                       self._config + "/plugin_config/obs-websocket"):
            os.makedirs(folder, exist_ok=True)
        os.chmod(home + "/run", 0o700)
        self._write_settings(language)
        self._process, self.log = None, home + "/obs.log"

    def _write_settings(self, language):
        # OBS 29 and 30 read the first, later ones split it.
        for name in ("global.ini", "user.ini"):
            self._write(name, f"""[General]
FirstRun=true
Pre31Migrated=true
LastVersion=536870912
InfoIncrement=-1
EnableAutoUpdates=false
Language={language}

[Locations]
Configuration={self.home}/.config
SceneCollections={self.home}/.config
Profiles={self.home}/.config
PluginManagerSettings={self.home}/.config

[Basic]
Profile=Test
ProfileDir=Test
SceneCollection=Test
SceneCollectionFile=Test

[OBSWebSocket]
FirstLoad=false
ServerEnabled=true
ServerPort={PORT}
AuthRequired=false
AlertsEnabled=false
""")
        self._write("plugin_config/obs-websocket/config.json", json.dumps({
            "server_enabled": True, "server_port": PORT, "auth_required": False,
            "first_load": False, "alerts_enabled": False}))
        self._write("basic/profiles/Test/basic.ini", f"""[General]
Name=Test

[Video]
BaseCX={WIDTH}
BaseCY={HEIGHT}
OutputCX={WIDTH}
OutputCY={HEIGHT}
FPSType=1
FPSInt={RATE}

[Output]
Mode=Simple

[SimpleOutput]
FilePath={self.recordings}
RecFormat=mkv
RecFormat2=mkv
RecQuality=Small
RecEncoder=x264
""")

    def _write(self, name, text):
        with open(f"{self._config}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    def start(self, scenes):
        """Returns the client, once OBS answers."""
        from obs_client import Client  # which needs what missing() looks for
        self._write("basic/scenes/Test.json", json.dumps(scenes))
        environment = {
            "PATH": os.environ["PATH"], "HOME": self.home, "LANG": "C.UTF-8",
            "DISPLAY": self._display.name, "XDG_RUNTIME_DIR": self.home + "/run",
            "QT_QPA_PLATFORM": "xcb", "LIBGL_ALWAYS_SOFTWARE": "1",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.home}/no-bus",
            "ESPY_MODEL": "espy-nano"}
        with open(self.log, "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                ["obs", "--multi", "--disable-missing-files-check", "--disable-shutdown-check",
                 "--profile", "Test", "--collection", "Test", "--verbose"],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        client = Client(PORT)
        client.ask("GetVersion")
        client.ask("GetSceneList")
        return client

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def interrupt(self, limit=60):
        """As Ctrl+C does: (exit code, or None if it did not end; seconds it took; memory
        leaks that OBS counts, or None)."""
        started = time.monotonic()
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            code = None
        seconds = time.monotonic() - started
        leaks = re.search(r"Number of memory leaks: (\d+)", self.said())
        return code, seconds, int(leaks[1]) if leaks else None

    def kill(self):
        if self.is_running():
            self._process.kill()
            self._process.wait()
