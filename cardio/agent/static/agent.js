// Looks again when the agent has something else to show. What is being typed is never lost: as long as the page is about
// the same thing (its `face`), only the lists of readers and of signatures are put in anew.
"use strict";
(async () => {
  const { face } = document.body.dataset;
  let { version } = document.body.dataset;
  for (;;) {
    try {
      const answer = await fetch(`/changes?since=${version}`, { cache: "no-store" });
      const now = answer.ok ? await answer.json() : null;
      if (now && now.face !== face) { location.replace(location.href); return; }
      if (now && String(now.version) !== version) {
        const page = await (await fetch(location.href, { cache: "no-store" })).text();
        const fresh = new DOMParser().parseFromString(page, "text/html");
        if (fresh.body.dataset.face === face) {
          for (const list of ["reader-list", "signed-list"]) {
            const put = fresh.getElementById(list);
            if (put) { document.getElementById(list)?.replaceWith(put); }
          }
          version = fresh.body.dataset.version;
        }
      }
    } catch { /* the agent was stopped; it may come back */ }
    await new Promise((next) => setTimeout(next, 300));
  }
})();
