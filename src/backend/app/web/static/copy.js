// Buttons that copy the command beside them.
"use strict";
(() => {
  function prepare() {
    for (const button of document.querySelectorAll(".copy")) button.hidden = !navigator.clipboard;
  }

  document.addEventListener("click", async ({ target }) => {
    if (!target.matches(".copy")) return;
    await navigator.clipboard.writeText(target.parentElement.querySelector("code").textContent);
    target.textContent = "Copied";
  });
  document.addEventListener("htmx:after:swap", prepare);
  prepare();
})();
