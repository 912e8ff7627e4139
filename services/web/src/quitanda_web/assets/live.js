// Shows what changes in the shop as it happens. The tabs of one browser share a stream: one of them holds it, and tells
// the others. Without this script, or without a stream, a page shows what it showed when it was loaded.
const LOST_AFTER_MS = 5_000;
const SILENT_AFTER_MS = 45_000;
const AGAIN_AFTER_MS = 30_000;
const FETCH_WITHIN_MS = 10_000;

const mark = document.querySelector("[data-live]");
if (mark && window.EventSource && window.BroadcastChannel && navigator.locks) {
  const path = mark.dataset.live;
  const name = `${path} ${mark.dataset.liveKey}`;
  const tabs = new BroadcastChannel(name);
  let told = Number(mark.dataset.liveAfter); // what the page shows has every change up to this revision
  let holding = false;
  let fetching = 0;
  let ended = false;

  const shows = (id, within = document) =>
    [...within.querySelectorAll("[data-live-id]")].filter((each) => each.dataset.liveId === id);

  function say(live) {
    mark.textContent = live ? mark.dataset.liveOn : mark.dataset.liveOff;
    mark.hidden = false;
    mark.dataset.state = live ? "on" : "off";
  }

  function write(element, texts) {
    element.querySelectorAll("[data-field]").forEach((field) => {
      const text = texts[field.dataset.field];
      if (text !== undefined && field.textContent !== text) {
        field.textContent = text;
        if (field.tagName === "MARK") field.hidden = text === "";
      }
    });
  }

  function change({ id, version, began, texts }) {
    const elements = shows(id);
    elements.forEach((element) => {
      if (version && Number(element.dataset.version) >= version) return;
      write(element, texts);
      if (version) element.dataset.version = version;
    });
    document.querySelectorAll("[data-live-stale]").forEach((note) => {
      if (note.dataset.liveStale === id && (!version || Number(note.dataset.version) < version)) note.hidden = false;
    });
    document.querySelectorAll("[data-live-newer]").forEach((note) => {
      if (elements.length === 0 && began > Number(note.dataset.liveNewer)) note.hidden = false;
    });
  }

  // Fetches the page again, and takes the texts over; what a person types in it stays.
  async function catchUp() {
    fetching = 0;
    if (!mark.dataset.liveAgain) return;
    const answer = await fetch(mark.dataset.liveAgain, { credentials: "same-origin" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = fresh.querySelector("[data-live]");
    if (!now) return;
    told = Math.max(told, Number(now.dataset.liveAfter));
    fresh.querySelectorAll("[data-live-id]").forEach((element) => {
      const texts = {};
      element.querySelectorAll("[data-field]").forEach((field) => { texts[field.dataset.field] = field.textContent; });
      change({ id: element.dataset.liveId, version: Number(element.dataset.version) || 0, began: 0, texts });
    });
  }

  function catchUpSoon(withinMs) {
    if (!fetching) fetching = setTimeout(() => catchUp().catch(() => say(false)), Math.random() * withinMs);
  }

  function hear({ kind, data }) {
    if (kind === "ended") ended = true;
    if (kind === "ended" || kind === "lost") return say(false);
    if (kind === "gone") catchUpSoon(FETCH_WITHIN_MS);
    else if (data.since > told) catchUpSoon(0);
    (data.changes || []).forEach(change);
    if (kind !== "gone") told = Math.max(told, data.revision);
    say(true);
  }

  function follow() {
    const stream = new EventSource(`${path}?after=${told || ""}`);
    let silence = 0;
    let loss = 0;
    let last = told;
    const share = (heard) => { hear(heard); tabs.postMessage(heard); };
    const again = (ms) => {
      stream.close();
      clearTimeout(silence);
      clearTimeout(loss);
      if (!ended) setTimeout(follow, ms);
    };
    const alive = () => {
      clearTimeout(loss);
      loss = 0;
      clearTimeout(silence);
      silence = setTimeout(() => { share({ kind: "lost" }); again(0); }, SILENT_AFTER_MS);
    };
    for (const kind of ["changed", "at", "gone", "lost", "ended"]) {
      stream.addEventListener(kind, (event) => {
        const data = JSON.parse(event.data);
        alive();
        // to the other tabs: what they know must reach to where this one's knowledge did
        share({ kind, data: { ...data, since: kind === "gone" ? data.since : Math.min(data.since, last) } });
        last = Math.max(last, data.revision);
        if (kind === "ended") again(0);
      });
    }
    stream.onopen = alive;
    stream.onerror = () => {
      if (!loss) loss = setTimeout(() => share({ kind: "lost" }), LOST_AFTER_MS);
      if (stream.readyState === EventSource.CLOSED) {
        share({ kind: "lost" });
        again(AGAIN_AFTER_MS * (1 + Math.random()));
      }
    };
    answer = () => tabs.postMessage({ kind: "at", data: { revision: last, since: last } });
  }

  let answer = () => {};
  tabs.onmessage = ({ data }) => {
    if (data.kind !== "ask") hear(data);
    else if (holding) answer();
  };
  tabs.postMessage({ kind: "ask" });
  window.addEventListener("pageshow", (event) => { if (event.persisted) catchUpSoon(0); });
  // the lock is given back when the tab is closed; then another tab gets it
  navigator.locks.request(name, () => { holding = true; follow(); return new Promise(() => {}); });
}
