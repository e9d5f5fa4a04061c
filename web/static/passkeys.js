// WebAuthn: options come in data attributes, answers leave in a form. Base64url both ways.
"use strict";
(() => {
  const octets = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const login = document.getElementById("passkey-login");
  document.getElementById("passkey-do")?.addEventListener("click", async () => {
    const state = document.getElementById("passkey-state");
    try {
      const made = await navigator.credentials.get({ publicKey: { challenge: octets(login.dataset.challenge), rpId: login.dataset.host, userVerification: "required", timeout: 60000 } });
      const { response } = made;
      login.elements.credential.value = JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response: { clientDataJSON: text(response.clientDataJSON), authenticatorData: text(response.authenticatorData), signature: text(response.signature), userHandle: response.userHandle ? text(response.userHandle) : null } });
      login.requestSubmit();
    } catch { state.textContent = state.dataset.failed; }
  });
  const add = document.getElementById("passkey-add");
  document.getElementById("passkey-add-do")?.addEventListener("click", async () => {
    const state = document.getElementById("passkey-add-state");
    const { challenge, host, user, name } = add.dataset;
    try {
      const made = await navigator.credentials.create({ publicKey: { challenge: octets(challenge), rp: { id: host, name: host }, user: { id: octets(user), name, displayName: name }, pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -257 }], authenticatorSelection: { residentKey: "required", userVerification: "required" }, timeout: 60000 } });
      const { response } = made;
      add.elements.credential.value = JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response: { clientDataJSON: text(response.clientDataJSON), attestationObject: text(response.attestationObject) } });
      add.requestSubmit();
    } catch { state.textContent = state.dataset.failed; }
  });
})();
