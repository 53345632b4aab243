// Fields marked data-remember keep, in this browser, what was last sent by them: a person's name is typed once.
"use strict";
(() => {
  const key = (field) => field.dataset.remember;
  // A browser that keeps nothing refuses even to be asked.
  const quietly = (work) => { try { return work(); } catch { return ""; } };
  const fields = (place) => place.querySelectorAll("input[data-remember]");

  function fill() {
    for (const field of fields(document)) {
      if (!field.value) field.value = quietly(() => localStorage.getItem(key(field))) || "";
    }
  }

  document.addEventListener("submit", ({ target }) => {
    for (const field of fields(target)) quietly(() => localStorage.setItem(key(field), field.value.trim()));
  });
  document.addEventListener("htmx:after:swap", fill);
  fill();
})();
