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
