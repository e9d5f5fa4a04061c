// Looks again when the agent has something else to show. What is being typed is not lost: a page with a question stays
// until that question is gone, whatever happens to the readers meanwhile.
"use strict";
(async () => {
  const { version, prompt } = document.body.dataset;
  for (;;) {
    try {
      const answer = await fetch(`/changes?since=${prompt ? 0 : version}`, { cache: "no-store" });
      if (answer.ok) {
        const now = await answer.json();
        if (prompt ? now.prompt !== prompt : String(now.version) !== version) { location.replace(location.href); return; }
      }
    } catch { /* the agent was stopped; it may come back */ }
    await new Promise((next) => setTimeout(next, 300));
  }
})();
