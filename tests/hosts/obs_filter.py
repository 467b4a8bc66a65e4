# SPDX-License-Identifier: LGPL-2.1-or-later
"""The caption filter of a running OBS, asked and listened to through obs-websocket, and
what OBS shows with it."""
import subprocess
import time

from obs_host import HEIGHT, WIDTH

KIND = "espy_captions_filter"


def until(condition, limit=60):
    """Whether it becomes true."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def pixels(path, *options):
    """RGB of a picture, or of a film's frame, in the size of the scene."""
    return subprocess.run(["ffmpeg", "-v", "error", *options, "-i", path, "-frames:v", "1", "-vf",
                           f"scale={WIDTH}:{HEIGHT}", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout


def difference(a, b):
    """The part of two pictures' values that differ by more than a codec's noise."""
    return sum(abs(x - y) > 48 for x, y in zip(a, b)) / max(len(a), len(b))


def caption_of(event):
    """What the plug-in told with an event of obs-websocket, or None."""
    if event["eventType"] != "VendorEvent" or event["eventData"]["vendorName"] != "espy":
        return None
    told = event["eventData"]
    return told["eventData"] if told["eventType"] == "caption" else None


class Session:
    """folder: where screenshots are kept."""

    def __init__(self, client, folder):
        self.client, self.folder = client, folder
        self.ask, self.mark = client.ask, client.mark

    # ------------------------------------------------------------------ captions

    def caption(self, since, limit=60, **wanted):
        """The first caption behind the mark with these members: (when it came, members), or
        (None, {})."""
        def fits(event):
            told = caption_of(event)
            return told is not None and all(told.get(k) == v for k, v in wanted.items())

        found = self.client.wait_for(fits, since, limit)
        return (found[0], caption_of(found[1])) if found else (None, {})

    def texts(self, since, **wanted):
        told = [caption_of(event) for event in self.client.events(since)]
        return [c["text"] for c in told if c and all(c.get(k) == v for k, v in wanted.items())]

    def shows(self, picture, text, **wanted):
        """Whether the filter says this text once the picture is shown."""
        mark = self.mark()
        self.show(picture)
        return self.caption(mark, text=text, **wanted)[0] is not None

    # -------------------------------------------------------------------- filters

    def add_filter(self, source, name, **settings):
        self.ask("CreateSourceFilter", sourceName=source, filterName=name, filterKind=KIND,
                 filterSettings=settings)

    def remove_input(self, name):
        """Its filters first: the window of OBS 30 may crash when a source goes that has
        any filter."""
        for f in self.ask("GetSourceFilterList", sourceName=name)["filters"]:
            self.ask("RemoveSourceFilter", sourceName=name, filterName=f["filterName"])
        self.ask("RemoveInput", inputName=name)

    def set(self, source="Picture", name="Captions", **settings):
        self.ask("SetSourceFilterSettings", sourceName=source, filterName=name,
                 filterSettings=settings)

    def enable(self, is_enabled, source="Picture", name="Captions"):
        self.ask("SetSourceFilterEnabled", sourceName=source, filterName=name,
                 filterEnabled=is_enabled)

    def request(self, name, **data):
        """One of the plug-in's own."""
        more = {"requestData": data} if data else {}
        return self.ask("CallVendorRequest", vendorName="espy", requestType=name,
                        **more)["responseData"]

    def state(self):
        """Of the first filter: "working"."""
        return self.request("get_state")["filters"][0]["state"]["state"]

    # ------------------------------------------------------------------- pictures

    def show(self, picture, source="Picture"):
        self.ask("SetInputSettings", inputName=source, inputSettings={"file": picture})

    def shot(self, name, source="Scene"):
        path = f"{self.folder}/{name}.png"
        self.client.screenshot(source, path, WIDTH, HEIGHT)
        return path

    def still(self, name):
        """Pixels of the scene, once nothing moves there."""
        seen = [b"", pixels(self.shot(name))]

        def is_still():
            time.sleep(0.4)
            seen[:] = [seen[1], pixels(self.shot(name))]
            return seen[0] == seen[1]

        until(is_still, 20)
        return seen[1]
