// The desk's page and the agent beside its reader: live readers, and log-in with the card. The PIN is typed on the
// agent's own page; this page sees which card lies where, and the signed token.
"use strict";
(() => {
  let socket = null;
  let number = 0;
  let readers = [];
  const waiting = new Map();

  const state = document.getElementById("card-state");
  const words = document.getElementById("card-words")?.dataset ?? {};
  const say = (text) => { if (state) state.textContent = text ?? ""; };
  const named = (code) => ({ "no-card": words.noCard, "choose-reader": words.chooseReader, "second-page": words.secondPage, "cancelled": words.cancelled, "timed-out": words.timedOut, "cardio.pin-blocked": words.blocked })[code] ?? words.failed;

  function show() {
    const field = document.getElementById("readers-field");
    if (!field) return;
    const cards = readers.filter((one) => one.ours);
    const select = document.getElementById("readers");
    select.replaceChildren(...cards.map((one) => new Option(one.reader, one.reader)));
    field.hidden = cards.length < 2;
  }

  function connect() {
    const paired = document.getElementById("paired");
    if (!paired || socket) return;
    const { agent, ticket } = paired.dataset;
    socket = new WebSocket(`${agent.replace(/^http/, "ws")}/reader`);
    socket.onopen = () => socket.send(JSON.stringify({ ticket }));
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.event === "readers") {
        readers = message.readers;
        document.body.dataset.readers = String(readers.filter((one) => one.ours).length);
        if (state?.textContent === words.lost || state?.textContent === words.noAgent) say("");
        show();
        return;
      }
      const done = waiting.get(message.id);
      waiting.delete(message.id);
      if (done) done(message);
      else if (message.error) say(named(message.error));
    };
    socket.onclose = () => {
      say(readers.length ? words.lost : (state?.textContent || words.noAgent));
      for (const done of waiting.values()) done({ error: "lost" });
      waiting.clear();
      socket = null;
      setTimeout(connect, 1000);
    };
  }

  function ask(operation, args) {
    const ticket = document.getElementById("paired")?.dataset.ticket;
    return new Promise((done) => {
      if (!socket || socket.readyState !== WebSocket.OPEN) { done({ error: "no-agent" }); return; }
      const id = ++number;
      waiting.set(id, done);
      socket.send(JSON.stringify({ id, ticket, operation, arguments: args }));
    });
  }

  const form = document.getElementById("card-login");
  document.getElementById("card-do")?.addEventListener("click", async () => {
    say(words.waitPin);
    const chosen = document.getElementById("readers")?.value;
    const several = !document.getElementById("readers-field").hidden;
    const answer = await ask("login", { nonce: form.dataset.nonce, ...(several ? { reader: chosen } : {}) });
    if (answer.error) { say(answer.error === "no-agent" ? words.noAgent : named(answer.error)); return; }
    form.elements.token.value = JSON.stringify(answer.result.token);
    form.requestSubmit();
  });

  const paper = document.getElementById("card-sign");
  document.getElementById("card-sign-do")?.addEventListener("click", async () => {
    say(words.waitPin);
    const chosen = document.getElementById("readers")?.value;
    const several = !document.getElementById("readers-field").hidden;
    const answer = await ask("sign", { document: paper.dataset.document, ...(several ? { reader: chosen } : {}) });
    if (answer.error) { say(answer.error === "no-agent" ? words.noAgent : named(answer.error)); return; }
    paper.elements.signature.value = answer.result.signature;
    paper.requestSubmit();
  });

  document.body.addEventListener("htmx:afterSwap", () => {
    const paired = document.getElementById("paired");
    const button = document.getElementById("card-do");
    if (paired && button) { button.disabled = false; }
    connect();
  });
  connect();
})();
