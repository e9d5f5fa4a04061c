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
  const named = (code) => ({ "no-card": words.noCard, "choose-reader": words.chooseReader, "busy": words.waitPin, "lost": words.lost, "not-paired": words.noAgent, "wrong-ticket": words.noAgent, "second-page": words.secondPage, "cancelled": words.cancelled, "timed-out": words.timedOut, "cardio.pin-blocked": words.blocked, "cardio.pin-entry-cancelled": words.cancelled, "cardio.pin-entry-timed-out": words.timedOut })[code] ?? words.failed;

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
        if ([words.lost, words.noAgent, words.secondPage].includes(state?.textContent)) say("");
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

  // While the person is being asked, the button waits too: pressed again, there would only be a second question.
  async function withCard(button, operation, args, sent) {
    button.disabled = true;
    say(words.waitPin);
    const chosen = document.getElementById("readers")?.value;
    const several = !document.getElementById("readers-field").hidden;
    const answer = await ask(operation, { ...args, ...(several ? { reader: chosen } : {}) });
    if (answer.error) {
      button.disabled = false;
      say(answer.error === "no-agent" ? words.noAgent : named(answer.error));
      return;
    }
    sent(answer.result);
  }

  const form = document.getElementById("card-login");
  document.getElementById("card-do")?.addEventListener("click", (event) => withCard(
    event.currentTarget, "login", { nonce: form.dataset.nonce }, (result) => {
      form.elements.token.value = JSON.stringify(result.token);
      form.requestSubmit();
    }));

  const paper = document.getElementById("card-sign");
  document.getElementById("card-sign-do")?.addEventListener("click", (event) => withCard(
    event.currentTarget, "sign", { document: paper.dataset.document }, (result) => {
      paper.elements.signature.value = result.signature;
      paper.requestSubmit();
    }));

  document.body.addEventListener("htmx:afterSwap", () => {
    const paired = document.getElementById("paired");
    const button = document.getElementById("card-do");
    if (paired && button) { button.disabled = false; }
    connect();
  });
  connect();
})();

// What is sent is signed by the operator's card first. Mostly at once; when the card wants its PIN, the reader's page asks
// for it, and this page says where to look.
(() => {
  const said = document.getElementById("signing");
  if (!said) { return; }
  let waiting;
  document.addEventListener("submit", (event) => {
    if (event.target.method === "post") { waiting = setTimeout(() => { said.hidden = false; }, 1500); }
  });
  addEventListener("pageshow", () => { clearTimeout(waiting); said.hidden = true; });
})();
