// Function keys: an element with data-key is followed or focused when its key is pressed. Nothing else is needed for
// pages to work, and nothing works only by this.
"use strict";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !/^(F\d+|Escape)$/.test(event.key)) return;
  const target = document.querySelector(`[data-key="${event.key}"]`);
  if (!target) return;
  event.preventDefault();
  if (target instanceof HTMLInputElement) target.focus(); else target.click();
});

// A page that looks for news by itself takes nothing away from whoever is typing, and nothing from a form on its way.
(() => {
  let sent = false;
  const changed = (one) => {
    if (one.type === "checkbox" || one.type === "radio") return one.checked !== one.defaultChecked;
    if (one instanceof HTMLSelectElement)
      return one.value !== ((one.querySelector("option[selected]") ?? one.options[0])?.value ?? "");
    return one.value !== one.defaultValue;
  };
  const typing = () =>
    [...document.querySelectorAll("main input:not([type=hidden]), main textarea, main select")].some(changed);
  document.addEventListener("submit", (event) => { if (!event.defaultPrevented) sent = true; });
  addEventListener("pageshow", () => { sent = false; });
  document.addEventListener("htmx:configRequest", (event) => {
    if (typing()) event.detail.headers["X-Typing"] = "yes";
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (sent || (typing() && event.detail.elt.querySelector("[data-changed]"))) event.preventDefault();
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => { if (sent) event.preventDefault(); });
})();
