// The review queue by keys: each does what the element marked with it does.
"use strict";
(() => {
  const keys = document.getElementById("keys");
  const who = document.getElementById("who");
  let isSent = false; // a key that is pressed twice rates one run

  // A browser that keeps nothing refuses even to be asked.
  const quietly = (work) => { try { return work(); } catch { return null; } };

  // Who has given their name before is not asked again.
  if (who && !location.search && who.elements.rater.value) who.submit();
  if (!keys) return;

  keys.checked = quietly(() => localStorage.getItem("keys")) !== "off";
  keys.addEventListener("change", () => {
    quietly(() => localStorage.setItem("keys", keys.checked ? "on" : "off"));
  });
  document.getElementById("keys-choice").hidden = false;

  addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (isSent || !keys.checked || event.repeat || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (target.matches("textarea, select, input:not([type=checkbox])") || target.isContentEditable) return;
    const element = document.querySelector(`#main [data-key="${CSS.escape(key.toLowerCase())}"]`);
    if (!element) return;
    event.preventDefault();
    isSent = true;
    element.click();
  });
  addEventListener("pageshow", () => { isSent = false; });
})();
