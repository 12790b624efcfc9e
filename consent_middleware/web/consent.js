// What a page gains from JavaScript: choosing without leaving it, the settings as a dialog over it, and what was
// withheld coming to life in place. Without this script, blocked or broken, every form still works by itself.
//
// window.consent and the event consent:change are for the site's own scripts; consent.d.ts has their types.
(function (tag) {
  "use strict";
  const data = document.querySelector("script[data-consent-page]");
  const HOOK = Symbol.for("consent.page");
  if (!data || window[HOOK]) return;

  let page, channel, dialog;
  let reviving = Promise.resolve();
  // Whether the page's Content-Security-Policy forbade something while it was being revived.
  let blocked = false;

  const names = () => Object.keys(page.categories).filter((name) => page.categories[name].allowed);
  const allows = (name) => Boolean(page.categories[name]?.allowed);

  // Choosing

  async function ask(address, options, isChoice) {
    const response = await fetch(address, {
      ...options, headers: { Accept: "application/json", "Content-Type": "application/json" },
    });
    const state = await response.json();
    // The policy has changed since this page was made: it would ask about what is no longer so.
    if (response.status === 409 || (state.policy && state.policy.fingerprint !== page.fingerprint)) {
      location.reload();
      return new Promise(() => {});
    }
    if (!response.ok) throw new Error(`consent: ${state.error} (${response.status})`);
    take(state, isChoice);
    return api.state;
  }

  async function choose(action, categories = []) {
    const body = JSON.stringify({ action, categories, fingerprint: page.fingerprint });
    const state = await ask(page.choice, { method: "POST", body });
    channel?.postMessage("");
    return state;
  }

  // What follows a choice may need the page anew; what was chosen long ago must not, or it would have no end.
  function take(state, isChoice = true) {
    const before = names();
    for (const [name, status] of Object.entries(state.categories)) {
      page.categories[name] = { ...page.categories[name], status, allowed: state.allowed.includes(name) };
    }
    page.needsAsking = state.needs_asking;
    page.source = state.source;
    const now = names();
    const granted = now.filter((name) => !before.includes(name));
    const withdrawn = before.filter((name) => !now.includes(name));
    window[Symbol.for("consent.guard")]?.(now);
    dialog?.close();
    const banner = document.querySelector("[data-consent-banner]");
    if (!page.needsAsking) banner?.remove();
    else if (banner) banner.hidden = window !== top;
    const detail = { ...api.state, granted, withdrawn };
    const proceeds = document.dispatchEvent(new CustomEvent("consent:change", { detail, cancelable: true }));
    // A script that has run cannot be made not to have run: only a new page is without what was withdrawn.
    if (withdrawn.length || (granted.length && page.reload)) return void (proceeds && location.reload());
    if (granted.length) revive(isChoice);
  }

  // A page from a shared cache is the same for everybody: who this is stands in a cookie that only scripts believe, or
  // else the server knows it. Where page and answer are of two policies the page stays as it is.
  async function recall() {
    const [fingerprint, asks, ...allowed] = (document.cookie.match(/(?:^|; )consent-hint=([^;]*)/)?.[1] || "").split(".");
    if (fingerprint !== page.fingerprint) {
      const state = await (await fetch(page.state)).json();
      return state.policy.fingerprint === page.fingerprint && take(state, false);
    }
    const rest = asks === "1" ? "unset" : "denied";
    const status = (name) => [name, allowed.includes(name) ? "granted" : rest];
    const categories = Object.fromEntries(Object.keys(page.categories).map(status));
    take({ categories, allowed, needs_asking: asks === "1", source: "visitor" }, false);
  }

  // Sends a form of ours; should that fail, the browser does it the long way.
  function send(form, button) {
    const fields = new FormData(form);
    if (button.name) fields.append(button.name, button.value);
    choose(fields.get("action"), fields.getAll("category")).catch(() => {
      const pressed = document.createElement("input");
      Object.assign(pressed, { type: "hidden", name: button.name, value: button.value });
      form.append(pressed);
      HTMLFormElement.prototype.submit.call(form);
    });
  }

  // Our controls live in shadow roots, where clicks come out of and submissions do not.
  function improve(event) {
    const control = event.composedPath().find((node) => node.matches?.("a,button"));
    if (!control || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (control.getRootNode() === document && !control.closest("[data-consent-manage]")) return;
    const address = ["href", "formaction"].map((name) => control.getAttribute(name)).find(Boolean);
    const action = (address || control.form?.getAttribute("action") || "").split(/[?#]/)[0];
    if (action === page.settings) open();
    else if (action === page.choice) send(control.form, control);
    else return;
    event.preventDefault();
  }

  // Opens the settings over the page; focus and Escape are the dialog's own.
  async function open() {
    try {
      const response = await fetch(page.settings, { headers: { Accept: "text/html" } });
      const settings = new DOMParser().parseFromString(await response.text(), "text/html");
      const host = document.createElement("div");
      dialog = document.createElement("dialog");
      for (const link of settings.querySelectorAll("link[rel=stylesheet]")) {
        link.nonce = tag.nonce;
        host.attachShadow && dialog.append(link);
      }
      dialog.append(settings.querySelector("main"));
      dialog.lang = settings.documentElement.lang;
      dialog.dir = settings.documentElement.dir;
      dialog.ariaLabel = settings.title;
      dialog.addEventListener("close", () => host.remove());
      host.attachShadow({ mode: "open" }).append(dialog);
      document.body.append(host);
      dialog.showModal();
    } catch {
      location.assign(page.settings);
    }
  }

  // Reviving

  const SEPARATELY = /^data-consent-(category|hidden|type)$/;
  // Attributes that stand under another name, and what they are called.
  const held = (element) => [...element.attributes].filter(({ name }) => /^data-consent-./.test(name) && !SEPARATELY.test(name))
    .map(({ name, value }) => [name, name.slice(13).replace("xlink:", ""), value]);

  function isDue(element) {
    const marks = element.getAttribute("data-consent-category");
    const waits = marks === null ? element.getAttribute("data-consent").split(/\s+/) : marks.split(",").map(decodeURIComponent);
    return waits.every((name) => name === "necessary" || allows(name)) &&
      (marks !== null || held(element).length || (element.localName === "script" && element.type === "text/plain"));
  }

  const due = (root) => [...root.querySelectorAll("[data-consent-category],[data-consent],template")].flatMap((element) =>
    element.localName === "template" ? (due(element.content).forEach(restore), []) : isDue(element) ? [element] : []);

  // In place: the element has not loaded anything yet.
  function restore(element) {
    for (const [name, own, value] of held(element)) {
      element.removeAttribute(name);
      element.setAttribute(own, value);
    }
    const type = element.getAttribute("data-consent-type");
    if (element.localName === "script") type ? element.setAttribute("type", type) : element.removeAttribute("type");
    element.removeAttribute("data-consent-type");
    element.removeAttribute("data-consent-category");
    // Browsers look at these when they are put into the page, and at no other time.
    if (element.localName === "meta") element.replaceWith(element.cloneNode());
    if (element.localName === "source") element.closest("video,audio")?.load();
    if (!element.hasAttribute("data-consent-hidden")) return;
    const placeholder = element.previousElementSibling;
    const hadFocus = placeholder === document.activeElement;
    element.removeAttribute("data-consent-hidden");
    element.removeAttribute("hidden");
    placeholder?.remove();
    if (hadFocus) element.focus();
  }

  const settled = (script) => new Promise((resolve) => {
    for (const type of ["load", "error"]) script.addEventListener(type, resolve);
  });

  // A script that was read and not run never will be: a new one takes its place. Returns what to wait for.
  function run(old) {
    const script = document.createElementNS(old.namespaceURI, "script");
    for (const { name, value } of old.attributes) if (name !== "type") script.setAttribute(name, value);
    if (old.type !== "text/plain") script.type = old.type;
    // Browsers hide the attribute and keep the property.
    script.nonce = old.nonce;
    script.textContent = old.textContent;
    restore(script);
    script.async = old.hasAttribute("async");
    // Whoever made the old one still listens there.
    for (const type of ["load", "error"]) {
      if (!old.hasAttribute("on" + type)) script.addEventListener(type, () => old.dispatchEvent(new Event(type)));
    }
    const end = settled(script);
    old.replaceWith(script);
    return [script, script.hasAttribute("src") || script.hasAttribute("href") ? end : null];
  }

  const isDeferred = (script) => !script.hasAttribute("async") &&
    (script.getAttribute("data-consent-type") === "module" || (script.hasAttribute("defer") && script.hasAttribute("data-consent-src")));

  // Runs scripts as the parser would have done: in order, the next waiting for one that blocks, deferred ones last.
  async function runAll(scripts) {
    const pending = [];
    const late = [];
    let written = "";
    const isLoaded = document.readyState === "complete";
    const { onload } = window;
    // What the scripts of a loading page may do and those of a loaded one may not: write into it, and wait for its end.
    document.write = document.writeln = (...texts) => { written += texts.join(""); };
    for (const target of [window, document]) {
      target.addEventListener = (type, listener, options) => {
        const isPast = isLoaded && (type === "DOMContentLoaded" || (type === "load" && target === window));
        isPast ? late.push([target, listener])
          : EventTarget.prototype.addEventListener.call(target, type, listener, options);
      };
    }
    const runOne = async (old) => {
      if (!old.isConnected) return;
      const [script, end] = run(old);
      if (script.async || isDeferred(old)) pending.push(end);
      else await end;
      if (!written) return;
      const range = document.createRange();
      range.setStartAfter(script);
      const fragment = range.createContextualFragment(written);
      written = "";
      const more = [...fragment.querySelectorAll("script")];
      for (const each of more) {
        each.setAttribute("data-consent-type", each.type);
        each.type = "text/plain";
      }
      script.after(fragment);
      for (const each of more) await runOne(each);
    };
    try {
      const isMap = (script) => script.getAttribute("data-consent-type") === "importmap";
      const rank = (script) => (isMap(script) ? 0 : isDeferred(script) ? 2 : 1);
      for (const script of scripts.sort((one, other) => rank(one) - rank(other))) await runOne(script);
      await Promise.all(pending);
    } finally {
      for (const target of [window, document]) delete target.addEventListener;
      delete document.write;
      delete document.writeln;
    }
    if (isLoaded && window.onload !== onload) late.push([window, window.onload]);
    for (const [target, listener] of late) {
      target.addEventListener("consent:late", listener, { once: true });
      target.dispatchEvent(new Event("consent:late"));
    }
    // Violations are told in a task of their own.
    await new Promise((resolve) => setTimeout(resolve));
  }

  // Brings to life whatever waits for nothing any more. After a choice the page may be loaded anew where it cannot be
  // done faithfully; without one, that could go on for ever.
  function revive(afterChoice) {
    blocked = false;
    const scripts = [];
    for (const element of due(document)) element.localName === "script" ? scripts.push(element) : restore(element);
    reviving = reviving.then(() => runAll(scripts)).catch(() => { blocked = true; })
      .then(() => blocked && afterChoice && location.reload());
    return reviving;
  }

  // Starting

  const api = {
    allows,
    open,
    choose,
    get state() {
      const { needsAsking, source, gpc, categories } = page;
      const statuses = Object.entries(categories).map(([name, { status }]) => [name, status]);
      return { needsAsking, source, gpc, categories: Object.fromEntries(statuses), allowed: names() };
    },
  };

  try {
    page = JSON.parse(data.textContent);
    Object.defineProperty(window, HOOK, { value: true });
    Object.defineProperty(window, "consent", { value: Object.freeze(api), configurable: true });
    document.addEventListener("click", improve);
    addEventListener("securitypolicyviolation", ({ disposition, effectiveDirective }) => {
      blocked ||= disposition === "enforce" && !/^connect/.test(effectiveDirective);
    });
    // A page from the back/forward cache, and one in another tab, may show what is no longer so.
    const refresh = () => ask(page.state).catch(() => {});
    addEventListener("pageshow", ({ persisted }) => persisted && refresh());
    channel = window.BroadcastChannel && new BroadcastChannel("consent");
    channel?.addEventListener("message", refresh);
    if (page.shared) recall().catch((fault) => console.warn("consent: nobody knows who this is", fault));
    else revive(false);
  } catch (fault) {
    console.warn("consent: the page could not be improved", fault);
  }
})(document.currentScript);
