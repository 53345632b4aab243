// Keeps a page true: times in the reader's zone, and its main part loaded again when something has changed.
"use strict";
(() => {
  const STALE_MS = 40000; // the server speaks every 15 seconds
  const RETRY_MS = 5000;
  const script = document.getElementById("live-script");
  const status = document.getElementById("live");
  const button = document.getElementById("changed");
  const icon = document.getElementById("icon");
  const title = document.title;
  let state, heard = 0, loadedAt = Date.now(), loading = false, waiting;

  const main = () => document.getElementById("main");

  // Times: the server writes UTC, which stays as the title.
  const forms = {
    time: { dateStyle: "medium", timeStyle: "short" },
    clock: { hour: "2-digit", minute: "2-digit" },
  };
  const formats = {};
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];

  function shown(element, moment) {
    const form = element.dataset.form;
    if (form === "ago") return ago((Date.now() - moment) / 1000);
    if (form === "day") return null;
    formats[form] ||= new Intl.DateTimeFormat(undefined, forms[form]);
    return formats[form].format(moment);
  }

  function ago(seconds) {
    for (const [unit, size] of units) {
      const count = Math.floor(seconds / size);
      if (count >= 1) return `${count.toLocaleString()} ${unit}${count === 1 ? "" : "s"} ago`;
    }
    return "just now";
  }

  function localize(selector) {
    for (const element of document.querySelectorAll(selector)) {
      const text = shown(element, Date.parse(element.dateTime));
      if (text !== null && element.textContent !== text) element.textContent = text;
    }
  }

  function zone() {
    const options = Intl.DateTimeFormat().resolvedOptions();
    const parts = new Intl.DateTimeFormat(undefined, { timeZoneName: "shortOffset" }).formatToParts(new Date());
    const offset = parts.find((part) => part.type === "timeZoneName").value;
    document.getElementById("zone").textContent = `${options.timeZone} (${offset})`;
  }

  // What the tab shows also while another tab is in front.
  function showState() {
    icon.href = icon.dataset[state.level];
    document.title = state.attention ? `(${state.attention}) ${title}` : title;
  }

  function showConnection() {
    const silent = Date.now() - heard;
    const stale = !heard || silent > STALE_MS || status.dataset.lost;
    status.dataset.state = heard && !stale ? "live" : heard ? "stale" : "off";
    const text = !heard ? "not live" : stale ? `stale for ${Math.round(silent / 1000)} s` : "live";
    if (status.textContent !== text) status.textContent = text;
  }

  // A person who types, marks text, has opened something or scrolled down a list is not to lose their place.
  function isReading() {
    const field = document.activeElement;
    if (field && main().contains(field) && field.matches("input, textarea, select")) return true;
    const marked = getSelection();
    if (marked && !marked.isCollapsed && main().contains(marked.anchorNode)) return true;
    return main().hasAttribute("data-hold") && (scrollY > 80 || main().querySelector("details[open]"));
  }

  // Each page names the versions of what it shows; one that does not was made while no stream was open.
  function hasChanged() {
    if (!state) return false;
    const { topics, versions } = main().dataset;
    const shown = new Map(versions.split(" ").map((each) => each.split(":")));
    return topics.split(" ").some((topic) => topic && shown.get(topic) !== state.versions[topic]);
  }

  async function load() {
    if (loading) return;
    loading = true;
    button.hidden = true;
    try {
      await htmx.ajax("GET", location.pathname + location.search, { target: "#main", swap: "outerMorph" });
    } catch {
      setTimeout(consider, RETRY_MS);
    } finally {
      loading = false;
      loadedAt = Date.now();
    }
  }

  function consider() {
    if (waiting || document.hidden || !hasChanged()) return;
    const wait = Math.max(0, loadedAt + state.pace * 1000 - Date.now());
    waiting = setTimeout(() => {
      waiting = undefined;
      if (document.hidden || !hasChanged()) return;
      if (isReading()) button.hidden = false;
      else load().then(consider);
    }, wait);
  }

  function receive(message) {
    if (message.lost) {
      status.dataset.lost = "yes";
    } else {
      delete status.dataset.lost;
      state = message.state;
      heard = message.heard;
      showState();
      consider();
    }
    showConnection();
  }

  function listen() {
    const source = script.dataset.source;
    if (window.SharedWorker) {
      const { port } = new SharedWorker(script.dataset.stream);
      port.onmessage = ({ data }) => receive(data);
      port.postMessage({ source });
      addEventListener("pagehide", () => port.postMessage({ bye: true }));
      addEventListener("pageshow", ({ persisted }) => persisted && port.postMessage({ source }));
      return;
    }
    const stream = new EventSource(source);
    stream.addEventListener("state", (event) => receive({ state: JSON.parse(event.data), heard: Date.now() }));
    stream.addEventListener("error", () => receive({ lost: true }));
  }

  button.addEventListener("click", () => {
    scrollTo({ top: 0 });
    getSelection().removeAllRanges();
    load();
  });
  document.addEventListener("visibilitychange", consider);
  document.addEventListener("htmx:after:swap", () => localize("main time"));
  setInterval(() => {
    localize('time[data-form="ago"]');
    showConnection();
  }, 5000);
  zone();
  localize("time");
  listen();
})();
