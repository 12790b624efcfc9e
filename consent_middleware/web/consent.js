// What a page gains from JavaScript: choosing without leaving it, the settings as a dialog over it, and what was
// withheld coming to life in place. Without this script, blocked or broken, every form still works by itself.
//
// window.consent and the event consent:change are for the site's own scripts; consent.d.ts has their types.
(function (tag) {
  "use strict";
  const MARK = "data-consent-";
  // A script, because visitors who may write text with attributes into a page can make anything else.
  const data = document.querySelector("script[data-consent-page]");
  const HOOK = Symbol.for("consent.page");
  if (!data || window[HOOK]) return;
  window[HOOK] = take;
  const page = JSON.parse(data.textContent);
  const channel = window.BroadcastChannel && new BroadcastChannel("consent");
  const path = (address) => address.split("?")[0];
  const make = (tag) => document.createElement(tag);
  const names = () => Object.keys(page.categories).filter(allows);
  // The banner and, last in the page, the way back.
  const OWN = "[data-consent-banner],div[data-consent-manage]";
  const own = new Set(document.querySelectorAll(OWN));
  const back = [...own].at(-1)?.shadowRoot;
  // Marks the choices of this page, so that two clicks are one. Pages for everybody, or for somebody known, have none.
  if (!page.once) {
    const octets = crypto.getRandomValues(new Uint8Array(11));
    page.once = Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
  }
  let dialog, failed, isBlocked;

  const allows = (name) => !!page.categories[name]?.allowed;

  // Choosing

  async function ask(address, options) {
    const response = await fetch(address, options);
    const state = await response.json();
    // The policy has changed since this page was made, which asks about what is no longer so.
    if (response.status === 409 || (response.ok && state.policy.fingerprint !== page.fingerprint)) {
      location.reload();
      await new Promise(() => {});
    }
    if (!response.ok) throw new Error("consent: " + state.error);
    take(state);
    return api.state;
  }

  async function choose(action, categories = []) {
    const body = JSON.stringify({ action, categories, fingerprint: page.fingerprint, once: page.once });
    const state = await ask(page.choice, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    channel?.postMessage("");
    say("");
    // Only what is new is said aloud, and only after the focus has gone where it goes.
    setTimeout(say, 300, page.saved);
    return state;
  }

  function say(text) {
    if (back) back.querySelector("p").textContent = text;
  }

  function take(state) {
    const before = names();
    for (const name in page.categories) {
      Object.assign(page.categories[name], { status: state.categories[name], allowed: state.allowed.includes(name) });
    }
    Object.assign(page, { needsAsking: state.needs_asking, source: state.source });
    const granted = names().filter((name) => !before.includes(name));
    const withdrawn = before.filter((name) => !allows(name));
    window[Symbol.for("consent.guard")]?.(names());
    dialog?.close();
    if (!page.needsAsking) endAsking();
    const detail = { granted, withdrawn };
    const goesOn = document.dispatchEvent(new CustomEvent("consent:change", { detail, cancelable: true }));
    // A script that has run cannot be made not to have run: only a new page is without what was withdrawn.
    if (withdrawn.length || (granted.length && page.reload)) goesOn && location.reload();
    // A page for everybody (shared.js) would come back as it is.
    else if (granted.length) revive(!page.shared);
  }

  // Whoever chose by keyboard goes on from the way back, which takes the banner's place.
  function endAsking() {
    const { activeElement } = document;
    const banner = document.querySelector("[data-consent-banner]");
    own.delete(banner);
    banner?.remove();
    if (banner && banner === activeElement) back?.querySelector("a")?.focus();
  }

  // Scripts that swap the body for that of another page (Turbo, hx-boost) would take ours away. Copies of ours come out
  // of their caches, without a shadow root. Who takes away ours and puts nothing in its place means it.
  const keeper = new MutationObserver((records) => {
    if (records.some(({ addedNodes: [node] }) => node && !own.has(node))) keep();
  });

  function keep() {
    for (const each of document.querySelectorAll(OWN)) if (!own.has(each)) each.remove();
    document.body.append(...[...own].filter((each) => !each.isConnected));
    for (const node of [document.documentElement, document.body]) keeper.observe(node, { childList: true });
  }

  // Our controls live in shadow roots, where clicks come out of and submissions do not.
  function improve(event) {
    const control = event.composedPath().find((node) => node.matches?.("a,button"));
    if (!control || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (control.getRootNode() === document && !control.matches("[data-consent-manage]")) return;
    const { form } = control;
    const address = path(control.getAttribute("href") || form?.getAttribute("action") || "");
    if (address === path(page.settings)) open();
    // The way back to the page, in the settings that stand over it.
    else if (address === location.pathname && dialog?.contains(control)) dialog.close();
    else if (address === path(page.choice) && control !== failed) {
      const fields = new FormData(form);
      fields.append(control.name, control.value);
      // Should it fail, the browser does it the long way.
      choose(fields.get("action"), fields.getAll("category")).catch(() => { failed = control; control.click(); });
    } else return;
    event.preventDefault();
  }

  // Opens the settings over the page; focus and Escape are the dialog's own. To close it is no choice.
  async function open() {
    // It is waited for, or shown; unless it was swapped away with the page.
    if (dialog && dialog.open === dialog.isConnected) return;
    dialog = make("dialog");
    try {
      const here = encodeURIComponent(location.pathname + location.search);
      const response = await fetch(page.settings + "&next=" + here);
      if (!response.ok) throw response;
      const settings = new DOMParser().parseFromString(await response.text(), "text/html");
      const host = document.body.appendChild(make("div"));
      const close = make("button");
      const { lang, dir } = settings.documentElement;
      Object.assign(dialog, { lang, dir, ariaLabel: settings.title, onclose: () => { host.remove(); dialog = null; } });
      Object.assign(close, { className: "cm-close", ariaLabel: page.back, textContent: "×", onclick: () => dialog.close() });
      for (const link of settings.querySelectorAll("link")) link.nonce = tag.nonce;
      dialog.append(close, ...settings.querySelectorAll("link,main"));
      host.attachShadow({ mode: "open" }).append(dialog);
      dialog.showModal();
    } catch {
      dialog = null;
      location.assign(page.settings);
    }
  }

  // Reviving

  // What the gate and the guard put under another name, and nothing else: many sites let visitors write elements with
  // data attributes, and none of those may become a handler of events or a link that is a script.
  const HELD = /^data-consent-(?:xlink:)?(\w*src\w*|href|data(?:-.+)?|poster|background|ping|http-equiv)$/;

  // Attributes that stand under another name: that name, their own, their value.
  const held = (element) => [...element.attributes]
    .map(({ name, value }) => [name, HELD.exec(name)?.[1], value])
    .filter(([, own]) => own && (own === "ping" || !element.matches("a,area")));

  const isDue = (element) => {
    const marks = element.getAttribute(MARK + "category");
    const waits = (marks ?? element.getAttribute("data-consent")).split(/[\s,]+/);
    const isInert = marks || held(element).length || (element.localName === "script" && element.type === "text/plain");
    return isInert && waits.every((name) => name === "necessary" || allows(name));
  };

  const due = (root) => [...root.querySelectorAll("[data-consent-category],[data-consent],template")].filter((element) =>
    element.localName === "template" ? void due(element.content).forEach(restore) : isDue(element));

  // In place: the element has not loaded anything yet.
  function restore(element) {
    for (const [name, own, value] of held(element)) {
      element.removeAttribute(name);
      element.setAttribute(own, value);
    }
    if (element.localName === "script") {
      const type = element.getAttribute(MARK + "type");
      element.removeAttribute("type");
      if (type) element.type = type;
    }
    for (const name of ["type", "category"]) element.removeAttribute(MARK + name);
    // Browsers look at these when they are put into the page, and at no other time.
    if (element.localName === "meta") element.replaceWith(element.cloneNode());
    if (element.localName === "source") element.closest("video,audio")?.load();
    if (!element.hasAttribute(MARK + "hidden")) return;
    const before = element.previousElementSibling;
    const hadFocus = before && before === document.activeElement;
    element.removeAttribute(MARK + "hidden");
    element.removeAttribute("hidden");
    // A script of the site may have taken it away.
    if (before?.hasAttribute(MARK + "embed")) before.remove();
    if (hadFocus) element.focus();
  }

  // Runs scripts as the parser would have done: in order, the next waiting for one that blocks, deferred ones last.
  async function runAll(scripts) {
    const isLoaded = document.readyState === "complete";
    const { onload } = window;
    const pending = [];
    const late = [];
    let written = "";
    // What the scripts of a loading page may do and those of a loaded one may not: write into it, and wait for its end.
    document.write = document.writeln = (...texts) => { written += texts.join(""); };
    for (const target of [window, document]) {
      target.addEventListener = (type, listener, options) => {
        const isPast = isLoaded && (type === "DOMContentLoaded" || (type === "load" && target === window));
        if (isPast) late.push([target, listener]);
        else EventTarget.prototype.addEventListener.call(target, type, listener, options);
      };
    }
    const typeOf = (script) => script.getAttribute(MARK + "type");
    const isDeferred = (script) => !script.hasAttribute("async") &&
      (typeOf(script) === "module" || (script.hasAttribute("defer") && script.hasAttribute(MARK + "src")));
    const run = async (old) => {
      if (!old.isConnected) return;
      // One that was read and not run never will be: a new one takes its place.
      const script = document.createElementNS(old.namespaceURI, "script");
      for (const { name, value } of old.attributes) script.setAttribute(name, value);
      // Browsers hide the attribute and keep the property.
      script.nonce = old.nonce;
      script.textContent = old.textContent;
      const waits = isDeferred(old);
      restore(script);
      script.async = old.hasAttribute("async");
      const end = (script.src || script.href) && new Promise((resolve) => {
        for (const type of ["load", "error"]) script.addEventListener(type, () => {
          // Whoever made the old one still listens there.
          if (!script["on" + type]) old.dispatchEvent(new Event(type));
          resolve();
        });
      });
      old.replaceWith(script);
      if (script.async || waits) pending.push(end);
      else await end;
      if (!written) return;
      const range = document.createRange();
      range.selectNode(script);
      const fragment = range.createContextualFragment(written);
      written = "";
      const more = [...fragment.querySelectorAll("script")];
      for (const each of more) {
        each.setAttribute(MARK + "type", each.type);
        each.type = "text/plain";
      }
      script.after(fragment);
      for (const each of more) await run(each);
    };
    try {
      const rank = (script) => (typeOf(script) === "importmap" ? 0 : isDeferred(script) ? 2 : 1);
      for (const script of scripts.sort((one, other) => rank(one) - rank(other))) await run(script);
      await Promise.all(pending);
    } finally {
      for (const target of [window, document]) {
        for (const name of ["addEventListener", "write", "writeln"]) delete target[name];
      }
    }
    if (window.onload !== onload) late.push([window, window.onload]);
    for (const [target, listener] of late) {
      target.addEventListener("consent:late", listener, { once: true });
      target.dispatchEvent(new Event("consent:late"));
    }
  }

  let revival = Promise.resolve();

  // Brings to life whatever waits for nothing any more. After a choice the page may be loaded anew where it cannot be
  // done faithfully; without one, that could go on for ever.
  function revive(isChoice) {
    isBlocked = false;
    const scripts = due(document).filter((element) => element.localName === "script" || restore(element));
    revival = revival.then(() => runAll(scripts)).catch(() => { isBlocked = isChoice; }).then(() => {
      // Violations are told in a task of their own.
      setTimeout(() => { if (isBlocked && isChoice) location.reload(); });
    });
  }

  // Starting

  const api = { allows, open, choose, get state() { return structuredClone(page); } };
  Object.defineProperty(window, "consent", { value: api });
  keep();
  document.addEventListener("click", improve);
  // A page from the back/forward cache, one that was loaded ahead, and one in another tab may show what is no longer so.
  const refresh = () => ask(page.state).catch(() => {});
  addEventListener("pageshow", (event) => event.persisted && refresh());
  document.addEventListener("prerenderingchange", refresh);
  channel?.addEventListener("message", refresh);
  document.addEventListener("securitypolicyviolation", (event) => { isBlocked ||= event.disposition === "enforce"; });
  revive();
})(document.currentScript);
