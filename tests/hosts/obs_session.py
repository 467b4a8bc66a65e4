#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plug-in in the OBS of this machine, as a user has it: scenes, filters, a recording.

usage: obs_session.py MODULE LOCALE-FOLDER MODEL ESPY SOURCE-ROOT [KEEP-FOLDER [CASE...]]

What OBS shows and tells is asked through obs-websocket; what the model says of the
pictures, of the espy program. Screenshots stay in KEEP-FOLDER; with CASEs ("follows") only
these are run. Ends with 77 where OBS, or the right to a network namespace, is missing.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import obs_host

if lacking := obs_host.missing():
    print("skipped: no", lacking)
    sys.exit(1 if os.environ.get("ESPY_NEEDS_HOSTS") else 77)
obs_host.enter_namespace()
from obs_client import Refused, WebSocketException  # noqa: E402
from obs_filter import KIND, Session, difference, pixels, until  # noqa: E402

MODULE, LOCALE, MODEL, ESPY, SOURCE = (os.path.abspath(a) for a in sys.argv[1:6])
RING, PENGUIN = SOURCE + "/tests/data/nano/000006.jpg", SOURCE + "/tests/data/nano/000012.jpg"
EXAMPLE = SOURCE + "/core/nano/example.png"
QUIET_S = 3    # so long no caption is to come where none should
OBS_LEAKS = 5  # that OBS 32 leaves by itself now and then
failures = []


def check(what, ok, detail=""):
    print(("ok    " if ok else "FAIL  ") + what + ("" if ok else f": {detail}"), flush=True)
    if not ok:
        failures.append(what)


def espy(picture, *options, told={}):
    """What the espy program says of a picture."""
    key = (picture, *options)
    if key not in told:
        environment = {**os.environ, "ESPY_MODEL": "espy-nano", "ESPY_MODELS": os.path.dirname(MODEL)}
        told[key] = subprocess.run([ESPY, "describe", "--language", "en", *options, picture],
                                   env=environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, check=True).stdout.decode().strip()
    return told[key]


def check_silence(s, what, picture, **wanted):
    """Nothing is said of a picture that is shown now."""
    mark = s.mark()
    s.show(picture)
    time.sleep(QUIET_S)
    check(what, espy(picture) not in s.texts(mark, **wanted), s.texts(mark))


# -------------------------------------------------------------------------------- cases


def test_caption(s):
    filters = s.ask("GetSourceFilterList", sourceName="Picture")["filters"]
    check("the filter of the collection is there", [f["filterKind"] for f in filters] == [KIND],
          filters)
    _, told = s.caption(0)
    if not told:
        raise TimeoutError("there is no caption at all")
    check("the caption is what espy says of the picture", told["text"] == espy(EXAMPLE),
          (told, espy(EXAMPLE)))
    check("the event names filter and source",
          (told["filter"], told["source"]) == ("Captions", "Picture"), told)


def test_overlay(s):
    """Over the picture of the session that had no plug-in."""
    without = pixels(s.folder + "/without.png")
    seen = s.still("caption")
    share, half = difference(seen, without), len(seen) // 2
    check("the overlay is seen", 0.01 < share < 0.5, share)
    check("in the lower half", difference(seen[:half], without[:half]) < 0.002)
    s.set(text=False)
    check("switched off, it leaves the picture as it was",
          until(lambda: difference(pixels(s.shot("plain")), without) < 0.002, 20))
    s.set(text=True)
    check("switched on, it comes back",
          until(lambda: difference(pixels(s.shot("again")), seen) < 0.01, 20))


def test_follows(s):
    for name, picture in (("a ring", RING), ("a penguin", PENGUIN)):
        mark, started = s.mark(), time.monotonic()
        s.show(picture)
        when, told = s.caption(mark, text=espy(picture))
        check(f"the caption follows the picture: {name}", when is not None,
              (s.texts(mark), espy(picture)))
        if when:
            print(f"      {when - started:.2f} s from change to caption, lag {told['lag_s']} s")


def test_outputs(s):
    folder = s.folder + "/Untertitel hier"
    s.ask("CreateInput", sceneName="Empty", inputName="Words", inputKind="text_ft2_source_v2",
          inputSettings={"text": "nothing yet"})
    s.set(text_source="Words", file=True, file_format="json", file_folder=folder,
          file_per_recording=False)
    s.shows(EXAMPLE, espy(EXAMPLE))

    def words():
        return s.ask("GetInputSettings", inputName="Words")["inputSettings"]["text"]

    check("the text source has the caption", until(lambda: words() == espy(EXAMPLE)), words())
    s.shows(RING, espy(RING))  # of the one before the end is known now

    def written():
        lines = []
        for path in glob.glob(folder + "/*.json*"):
            with open(path, encoding="utf-8") as f:
                lines += [json.loads(line)["text"] for line in f]
        return lines

    check("the file has the caption", until(lambda: espy(EXAMPLE) in written()), written())
    s.set(text_source="", file=False)
    s.remove_input("Words")


def test_recording(s):
    def recorded_ms():
        return s.ask("GetRecordStatus")["outputDuration"]

    def cues():
        path = os.path.splitext(film)[0] + ".srt"
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as f:
            return " ".join(f.read().split())

    s.set(file=True, file_format="srt", file_per_recording=True, closed_captions=True)
    s.ask("StartRecord")
    check("a recording runs", until(lambda: recorded_ms() > 1500), recorded_ms())
    s.shows(PENGUIN, espy(PENGUIN))
    seen, since = s.still("recorded"), recorded_ms()
    check("and goes on", until(lambda: recorded_ms() > since + 1500), recorded_ms())
    mark = s.mark()
    film = s.ask("StopRecord")["outputPath"]
    s.client.wait_for(lambda e: e["eventType"] == "RecordStateChanged" and
                      e["eventData"]["outputState"] == "OBS_WEBSOCKET_OUTPUT_STOPPED", mark)
    frame = pixels(film, "-sseof", "-0.5")
    s.set(text=False, closed_captions=False)
    plain = s.still("recorded-plain")
    check("the recording holds the overlay",
          difference(frame, seen) < 0.01 < difference(frame, plain),
          (difference(frame, seen), difference(frame, plain)))
    check("captions lie beside it", until(lambda: espy(PENGUIN) in cues()), cues())
    s.set(text=True, file=False)


def test_disabled(s):
    s.enable(False)
    check_silence(s, "a filter that is switched off says nothing", EXAMPLE)
    mark = s.mark()
    s.enable(True)
    check("switched on, it speaks", s.caption(mark, text=espy(EXAMPLE))[0], s.texts(mark))


def test_pause(s):
    s.request("pause", filter="Captions")
    check_silence(s, "a paused filter says nothing", RING)
    check("and tells that it pauses", s.state() == "paused", s.request("get_state"))
    mark = s.mark()
    s.request("resume", filter="Captions")
    check("it goes on", s.caption(mark, text=espy(RING))[0], s.texts(mark))


def test_hotkey(s):
    s.shows(PENGUIN, espy(PENGUIN))
    s.set(when="asked")
    check_silence(s, "a filter that waits to be asked says nothing", EXAMPLE)
    mark = s.mark()
    names = [n for n in s.ask("GetHotkeyList")["hotkeys"] if n.startswith("espy.")]
    s.ask("TriggerHotkeyByName", hotkeyName="espy.caption_now.Captions")
    check("its hotkey asks", s.caption(mark, text=espy(EXAMPLE))[0], (names, s.texts(mark)))
    s.set(when="changed")
    check("by itself again, it sees what changes", s.shows(PENGUIN, espy(PENGUIN)))


def test_rename(s):
    s.ask("SetSourceFilterName", sourceName="Picture", filterName="Captions",
          newFilterName="Größe „2“")
    s.ask("SetInputName", inputName="Picture", newInputName="Other name")
    mark = s.mark()
    s.show(RING, "Other name")
    _, told = s.caption(mark, text=espy(RING))
    check("renamed, filter and source have their new names in events",
          (told.get("filter"), told.get("source")) == ("Größe „2“", "Other name"),
          told or s.texts(mark))
    s.ask("SetSourceFilterName", sourceName="Other name", filterName="Größe „2“",
          newFilterName="Captions")
    s.ask("SetInputName", inputName="Other name", newInputName="Picture")


def test_two(s):
    tags = ("--preset", "tags")
    mark = s.mark()
    s.add_filter("Picture", "Short", task="tags", text=False)
    _, told = s.caption(mark, filter="Short")
    check("a second filter answers its own question", told.get("text") == espy(RING, *tags),
          (told, espy(RING, *tags)))
    mark = s.mark()
    s.show(EXAMPLE)
    both = (s.caption(mark, filter="Captions", text=espy(EXAMPLE))[0],
            s.caption(mark, filter="Short", text=espy(EXAMPLE, *tags))[0])
    check("both go on", all(both), s.texts(mark))
    s.ask("RemoveSourceFilter", sourceName="Picture", filterName="Short")
    mark = s.mark()
    check("one that is removed does not disturb the other", s.shows(RING, espy(RING)))
    check("and says nothing", not s.texts(mark, filter="Short"), s.texts(mark))


def test_duplicate(s):
    """A source that a second scene has, too; and one of the same settings."""
    s.ask("CreateScene", sceneName="Copy")
    s.ask("CreateSceneItem", sceneName="Copy", sourceName="Picture")
    kept = s.ask("GetSourceFilter", sourceName="Picture", filterName="Captions")["filterSettings"]
    mark = s.mark()
    s.ask("CreateInput", sceneName="Scene", inputName="Twin", inputKind="image_source",
          inputSettings={"file": PENGUIN})
    s.add_filter("Twin", "Captions", **kept)
    check("a copied filter speaks of its own source",
          s.caption(mark, source="Twin", text=espy(PENGUIN))[0], s.texts(mark))
    s.remove_input("Twin")
    s.ask("RemoveScene", sceneName="Copy")
    check("and leaves the other at it", s.shows(PENGUIN, espy(PENGUIN), source="Picture"))


def test_scenes(s):
    s.ask("SetCurrentProgramScene", sceneName="Empty")
    check("what is not shown is not looked at", until(lambda: s.state() == "off"), s.state())
    check_silence(s, "nor spoken of", EXAMPLE)
    mark = s.mark()
    s.ask("SetCurrentProgramScene", sceneName="Scene")
    check("shown again, it is", s.caption(mark, text=espy(EXAMPLE))[0], s.texts(mark))


def test_scene_as_parent(s):
    s.enable(False)
    s.show(EXAMPLE)
    check("the picture is alone", until(lambda: difference(
        s.still("scene"), pixels(s.folder + "/without.png")) < 0.002, 20))
    mark = s.mark()
    s.add_filter("Scene", "Of the scene")
    _, told = s.caption(mark, source="Scene")
    check("a scene is captioned", {"automobile", "cactus", "diamond"} <=
          set(told.get("text", "").replace(",", "").split()), told)
    s.shot("scene-filter")
    s.ask("RemoveSourceFilter", sourceName="Scene", filterName="Of the scene")
    s.enable(True)


def test_kinds(s):
    """A film that plays in a loop, a plain colour, and text."""
    film = s.folder + "/film.mkv"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-loop", "1", "-i", RING, "-t", "3", "-r", "10",
                    "-c:v", "ffv1", film], stdin=subprocess.DEVNULL, check=True)
    for kind, name, known, settings in (
            ("ffmpeg_source", "Film", {"text": espy(RING)}, {"local_file": film, "looping": True}),
            ("color_source_v3", "Color", {}, {"color": 0xFF2020C0, "width": 320, "height": 240}),
            ("text_ft2_source_v2", "Text", {}, {"text": "HOUSE", "font": {
                "face": "DejaVu Sans", "style": "Bold", "size": 96, "flags": 1}})):
        mark = s.mark()
        s.ask("CreateInput", sceneName="Scene", inputName=name, inputKind=kind,
              inputSettings=settings)
        s.add_filter(name, "Captions")
        _, told = s.caption(mark, source=name, **known)
        check(f"a source of another kind is captioned: {kind}", told.get("text"), s.texts(mark))
        s.shot(name, name)
        s.remove_input(name)


def test_settings_while_it_works(s):
    """Each of these comes in the middle of an answer, as likely as not."""
    s.set(when="interval", interval=0.1)
    for settings in ({"quality": 64}, {"threads": 1}, {"task": "tags"}, {"language": "German"},
                     {"task": "caption", "language": ""}, {"clip": True}, {"clip": False},
                     {"model_from": "name", "model_name": "no-such-model"}):
        s.set(**settings)
        time.sleep(0.3)
    check("a model that is not there is told of", until(lambda: s.state() == "failed"),
          s.request("get_state"))
    s.set(model_from="default", quality=256, threads=0)
    check("and none of it hurts", s.shows(PENGUIN, espy(PENGUIN)), s.request("get_state"))


CASES = [test_caption, test_overlay, test_follows, test_outputs, test_recording, test_disabled,
         test_pause, test_hotkey, test_rename, test_two, test_duplicate, test_scenes,
         test_scene_as_parent, test_kinds, test_settings_while_it_works]


# ------------------------------------------------------------------------------ sessions


def without_plugin(folder, display, keep):
    """OBS alone: how the picture looks there, and how many leaks are OBS's own."""
    home = folder + "/ohne"
    os.makedirs(home)
    obs = obs_host.Obs(home, display)
    try:
        s = Session(obs.start(obs_host.collection(EXAMPLE, [])), keep)
        s.still("without")
        version = s.ask("GetVersion")["obsVersion"]
        s.client.close()
        code, _, leaks = obs.interrupt()
        check(f"OBS {version} alone ends well", code == 0 and leaks is not None, (code, leaks))
        return leaks or 0
    finally:
        obs.kill()


def end_at_work(s, obs, n_leaks):
    """The user ends OBS in the middle of an answer."""
    s.set(when="interval", interval=0.1)
    check("an answer is under way", until(lambda: s.state() == "working"), s.state())
    s.client.close()
    code, seconds, leaks = obs.interrupt()
    print(f"      OBS ends in {seconds:.2f} s; {leaks} leaks, {n_leaks} of them its own")
    check("OBS ends well", code == 0, code)
    check("at once", seconds < 2, seconds)
    check("with no more leaks than alone",
          leaks is not None and leaks <= max(n_leaks, OBS_LEAKS), leaks)
    said = obs.said()
    check("the log has the plug-in's name and prefix", "[obs-espy] version" in said)
    check("and misses none of its files", not re.search("(Failed|not loaded).*espy", said))


def with_plugin(folder, display, keep, n_leaks, names):
    home = folder + "/das Heim"
    os.makedirs(home)
    obs_host.install(home, MODULE, LOCALE, MODEL)
    obs = obs_host.Obs(home, display)
    try:
        filters = [{"id": KIND, "versioned_id": KIND, "name": "Captions", "enabled": True,
                    "settings": {}}]
        s = Session(obs.start(obs_host.collection(EXAMPLE, filters)), keep)
        for case in CASES:
            name = case.__name__[len("test_"):]
            if not names or name in names:
                print("--", name)
                case(s)
        end_at_work(s, obs, n_leaks)
    except (OSError, Refused, WebSocketException) as e:  # TimeoutError, ConnectionError too
        check("OBS goes on", False, e)
    finally:
        obs.kill()
        if failures:
            print(obs.said()[-12000:])


with tempfile.TemporaryDirectory() as own:
    kept = os.path.abspath(sys.argv[6]) if len(sys.argv) > 6 else own
    os.makedirs(kept, exist_ok=True)
    screen = obs_host.Display()
    try:
        with_plugin(own, screen, kept, without_plugin(own, screen, kept), sys.argv[7:])
    finally:
        screen.close()
print(f"{len(failures)} failed" if failures else "all passed")
sys.exit(bool(failures))
