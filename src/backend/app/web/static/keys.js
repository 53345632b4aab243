// Rating by keys, for those who do not turn it off: each does what the element marked with it (data-key) does.
"use strict";
(() => {
  let isSent = false; // a key that is pressed twice rates one run
  const choice = () => document.getElementById("keys");
  // A browser that keeps nothing refuses even to be asked.
  const quietly = (work) => { try { return work(); } catch { return null; } };

  function prepare() {
    if (!choice()) return;
    choice().checked = quietly(() => localStorage.getItem("keys")) !== "off";
    choice().closest("[hidden]")?.removeAttribute("hidden");
  }

  document.addEventListener("change", ({ target }) => {
    if (target === choice()) quietly(() => localStorage.setItem("keys", target.checked ? "on" : "off"));
  });
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (isSent || !choice()?.checked || event.repeat || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (target.matches("textarea, select, input:not([type=checkbox])") || target.isContentEditable) return;
    const element = document.querySelector(`#main [data-key="${CSS.escape(key.toLowerCase())}"]`);
    if (!element) return;
    event.preventDefault();
    element.click();
  });
  document.addEventListener("submit", () => { isSent = true; });
  addEventListener("pageshow", () => { isSent = false; });
  document.addEventListener("htmx:after:swap", prepare);
  prepare();
})();
