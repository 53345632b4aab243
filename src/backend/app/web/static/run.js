// A run's page: rate by one key, and copy commands.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  // A browser that keeps nothing refuses even to be asked.
  const quietly = (work) => { try { return work(); } catch { return null; } };

  function prepare() {
    const keys = byId("keys");
    if (!keys) return;
    keys.checked = quietly(() => localStorage.getItem("keys")) !== "off";
    keys.closest("[hidden]")?.removeAttribute("hidden");
    for (const button of document.querySelectorAll(".copy")) button.hidden = !navigator.clipboard;
  }

  document.addEventListener("change", ({ target }) => {
    if (target.id === "keys") quietly(() => localStorage.setItem("keys", target.checked ? "on" : "off"));
  });
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (!byId("keys")?.checked || event.repeat || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (target.matches("textarea, select, input:not([type=checkbox])")) return;
    const button = /^[1-5]$/.test(key) ? byId("rate").querySelector(`[value="${key}"]`) : key === "u" && byId("undo");
    if (!button) return;
    event.preventDefault();
    button.form.requestSubmit(button);
  });
  document.addEventListener("click", async ({ target }) => {
    if (!target.matches(".copy")) return;
    await navigator.clipboard.writeText(target.parentElement.querySelector("code").textContent);
    target.textContent = "Copied";
  });
  document.addEventListener("htmx:after:swap", prepare);
  prepare();
})();
