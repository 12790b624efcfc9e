// The guard: the first script of a page for a visitor who has not allowed everything.
//
// The server has made inert what stands in the page. This refuses what scripts add later: elements and requests that
// lead to gated hosts, and cookies and storage keys of categories without consent. What it refuses in the page waits
// there in the vocabulary of the server's gate (data-consent-category, data-consent-src), so that consent.js can bring
// it to life.
//
// A guard rail and no wall. It stops scripts that do their usual work, not one that is out to get past it, and it does
// not reach: workers and service workers; import(); url() and @import in style sheets; WebRTC; IndexedDB and caches;
// frames of this origin that are no pages of this site (about:blank, srcdoc), what their functions do for this page, and
// windows it opens; markup that document.write() gets in pieces; cookies that a response sets. Only a
// Content-Security-Policy is a wall. Storage written as a property (localStorage.key = "…"), and whatever else slips
// past, is swept away a moment later. An image that slips past may have been asked for by then.
//
// Names are replaced by proxies of what the browser has there: length, name, descriptor, exceptions and source text
// stay native, and where anything of ours fails, the native function does what it always did.
(function (rules, tag) {
  "use strict";
  const HOOK = Symbol.for("consent.guard");
  if (window[HOOK]) return;

  const NOTHING = () => {};
  // A URL that every loader refuses natively, with its own events and exceptions, and without a request.
  const NOWHERE = "about:invalid";
  const MARK = "data-consent-";
  const ELEMENTS = "a,area,audio,body,embed,feImage,frame,iframe,image,img,input,link,object,script,source,track,use,video";
  const ATTRIBUTES = ["src", "srcset", "srcdoc", "href", "data", "poster", "background", "ping", "imagesrcset"];
  // Markup without any of this cannot concern us, and is not read a second time.
  const HINT = new RegExp(rules.hint, "i");
  rules.own.push(location.hostname.replace(/^www\./, ""));
  const ours = new WeakSet();
  let allowed, observer;

  // Where anything of ours fails, the browser goes on as if it were not there.
  const quietly = (act, ...args) => { try { return act(...args); } catch {} };

  // Judging

  const waits = (category) => (category && !allowed.has(category) ? category : "");

  function waitsAt(address) {
    let url;
    try { url = new URL(address, document.baseURI); } catch { return ""; }
    if (!/^(http|ws)/.test(url.protocol)) return "";
    const labels = url.hostname.replace(/\.$/, "").split(".");
    const names = labels.map((_, index) => labels.slice(index).join("."));
    for (const name of [...names, ""]) {
      for (const [category, pattern, port] of rules.hosts[name] || []) {
        if ((!port || port === url.port) && RegExp(pattern || "").test(url.pathname + url.search)) return waits(category);
      }
    }
    return names.some((name) => rules.own.includes(name)) ? "" : waits(rules.others);
  }

  function find(table, name) {
    for (let end = name.length, key = name; end >= 0; key = name.slice(0, end--) + "*") {
      if (table[key]) return table[key];
    }
  }

  // What an attribute of an element waits for, "" for nothing.
  function waitsIn(element, attribute, value) {
    const declared = element.getAttribute("data-consent");
    if (declared !== null) return declared.split(/\s+/).find(waits) || "";
    if (element.rel && !/sheet|pre[^v]|icon|manifest/i.test(element.rel)) return "";
    if (attribute === "srcdoc") return sift(value);
    const several = /srcset|ping/.test(attribute) && value.match(/[^\s,](\S*[^\s,])?/g);
    return (several || [value]).map(waitsAt).find(Boolean) || "";
  }

  // Elements

  const loads = (element, attribute) => ATTRIBUTES.includes(attribute) && element.matches(ELEMENTS) &&
    !(attribute === "href" && element.matches("a,area"));

  // Refuses an attribute that would load what waits for consent, and returns what for.
  function refuse(element, attribute, value) {
    attribute = String(attribute).toLowerCase().replace("xlink:", "");
    if (!loads(element, attribute)) return "";
    value = String(value);
    const isScript = element.localName === "script";
    const category = waitsIn(element, attribute, value);
    if (category) {
      // Ends what has begun.
      if (element.localName === "iframe" && element.isConnected) element.src = "about:blank";
      const marks = new Set((element.getAttribute(MARK + "category") || category).split(","));
      element.setAttribute(MARK + "category", [...marks.add(category)].join());
      element.setAttribute(MARK + attribute, value);
      element.removeAttribute(attribute);
      if (isScript) {
        // With src gone, the text inside would run.
        if (/^.(?!ext.plain)/.test(element.type)) element.setAttribute(MARK + "type", element.type);
        element.setAttribute("type", "text/plain");
        // One made by a script is asynchronous without the attribute.
        if (element.async) element.setAttribute("async", "");
      }
      if (isScript || element.matches("img,link")) setTimeout(() => element.dispatchEvent(new Event("error")));
    } else {
      element.removeAttribute(MARK + attribute);
    }
    return category;
  }

  // Refuses everything in a tree; returns what one of it waits for.
  function refuseIn(root) {
    let found = "";
    for (const element of [root, ...root.querySelectorAll(ELEMENTS + ",template")]) {
      for (const { name, value } of [...(element.attributes || [])]) found = refuse(element, name, value) || found;
      if (element.localName === "template") found = refuseIn(element.content) || found;
    }
    return found;
  }

  // Markup, read in a document that loads nothing. Without a context, returns what it waits for; with one, the markup
  // as it was unless something in it is refused.
  const inert = document.implementation.createHTMLDocument("");
  const html = Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML");

  function sift(markup, context) {
    if (!HINT.test(markup)) return context ? markup : "";
    const place = inert.importNode(context || inert.createElement("template"));
    html.set.call(place, markup);
    const found = refuseIn(place.content || place);
    return !context ? found : found ? html.get.call(place) : markup;
  }

  // Wrapping

  // Puts a proxy in the place of a method or setter. What the judge returns, if it is a function, is done instead.
  function wrap(owner, name, judge) {
    const descriptor = owner && Object.getOwnPropertyDescriptor(owner, name);
    const kind = descriptor?.set ? "set" : "value";
    const native = descriptor?.[kind];
    if (!native || !descriptor.configurable || ours.has(native)) return;
    const call = (args, self, otherwise) => (quietly(judge, args, self) || otherwise)();
    const proxy = descriptor[kind] = new Proxy(native, {
      apply: (_, self, args) => call(args, self, () => Reflect.apply(native, self, args)),
      construct: (_, args, target) => call(args, null, () => Reflect.construct(native, args, target)),
    });
    ours.add(proxy);
    Object.defineProperty(owner, name, descriptor);
    if (native.prototype?.constructor === native) native.prototype.constructor = proxy;
  }

  function guardElements() {
    for (const tag of ELEMENTS.split(",")) for (const attribute of ATTRIBUTES) {
      const element = document.createElement(tag);
      const property = attribute.replace("es", "eS");
      let owner = loads(element, attribute) && element;
      while (owner && !Object.hasOwn(owner, property)) owner = Object.getPrototypeOf(owner);
      wrap(owner, property, ([value], self) => refuse(self, attribute, value) && NOTHING);
    }
    wrap(Element.prototype, "setAttribute", ([name, value], self) => refuse(self, name, value) && NOTHING);
    wrap(Element.prototype, "setAttributeNS", ([, name, value], self) => refuse(self, name, value) && NOTHING);
  }

  function guardMarkup() {
    const sinks = {
      Element: ["innerHTML", "outerHTML", "insertAdjacentHTML"], ShadowRoot: ["innerHTML"],
      Range: ["createContextualFragment"], Document: ["write", "writeln"],
    };
    const template = inert.createElement("template");
    for (const owner in sinks) for (const name of sinks[owner]) {
      const at = name === "insertAdjacentHTML" ? 1 : 0;
      wrap(window[owner].prototype, name, (args, self) => {
        args[at] = sift(args[at], name === "innerHTML" && self.localName ? self : template);
      });
    }
    // Its document loads nothing until what is in it is moved into a page.
    const { parseFromString } = DOMParser.prototype;
    wrap(DOMParser.prototype, "parseFromString", (args, self) => {
      const parsed = parseFromString.apply(self, args);
      refuseIn(parsed);
      return () => parsed;
    });
    // The second line: what came by a way that nobody wraps.
    observer ||= new MutationObserver((records) => {
      const fresh = new Set();
      for (const { target, attributeName, addedNodes } of records) {
        const value = attributeName && target.getAttribute(attributeName);
        if (value) quietly(refuse, target, attributeName, value);
        for (const node of addedNodes) if (node.querySelectorAll) fresh.add(node);
      }
      for (const node of fresh) if (!fresh.has(node.parentNode)) quietly(refuseIn, node);
    });
    observer.observe(document, { childList: true, subtree: true, attributeFilter: ATTRIBUTES });
  }

  function guardRequests() {
    const away = (at, nowhere) => (args) => { if (waitsAt(args[at])) args[at] = nowhere; };
    const failed = () => Promise.reject(new TypeError("Failed to fetch"));
    wrap(window, "fetch", ([input]) => waitsAt(input.url || input) && failed);
    wrap(Navigator.prototype, "sendBeacon", ([url]) => waitsAt(url) && (() => false));
    wrap(XMLHttpRequest.prototype, "open", away(1, NOWHERE));
    for (const name of ["EventSource", "Worker", "SharedWorker", "Audio"]) wrap(window, name, away(0, NOWHERE));
    // A socket cannot lead nowhere; to this port browsers refuse to connect (Fetch, 2.8, bad port).
    wrap(window, "WebSocket", away(0, "wss://127.0.0.1:1"));
  }

  // Style sheets: what the server has turned into data of no use leads where it led once that is allowed.
  function reviveStyles() {
    const found = document.evaluate("//@style|//style/text()", document, null, 7);
    for (let at = 0, node; (node = found.snapshotItem(at)); at++) {
      const text = node.nodeValue.replace(/data:,((https?:)?[/\\]{2}[^\s"'()<>,;]+)/gi,
        (held, address) => (waitsAt(address) ? held : address));
      if (text !== node.nodeValue) node.nodeValue = text;
    }
  }

  // Cookies and storage

  const cookieWaits = (name) => waits(find(rules.cookies, name) || rules.undeclared);
  const keyWaits = (key) => waits(find(rules.storage, String(key)));

  // Expires a cookie wherever a script of this page could have set it.
  function expire(name) {
    const homes = location.hostname.split(".").map((_, index, all) => "; domain=" + all.slice(index).join("."));
    const paths = location.pathname.split("/").map((_, index, all) => "; path=" + all.slice(0, index).join("/"));
    for (const home of ["", ...homes]) for (const path of ["; path=/", ...paths]) {
      for (const way of ["", "; secure", "; secure; samesite=none; partitioned"]) {
        document.cookie = name + "=; max-age=0" + home + path + way;
      }
    }
  }

  async function sweep() {
    try {
      for (const pair of document.cookie.split("; ")) {
        const name = pair.split("=")[0];
        if (waits(find(rules.cookies, name))) expire(name);
      }
      for (const storage of [localStorage, sessionStorage]) {
        for (const key in storage) if (keyWaits(key)) storage.removeItem(key);
      }
      // Where the browser tells when a cookie ends (Chromium does), one that would outlive the policy is cut short.
      for (const cookie of await cookieStore.getAll()) {
        const end = Date.now() + 864e5 * (find(rules.lives, cookie.name) || rules.days);
        if (cookie.expires > end) cookieStore.set({ ...cookie, expires: end });
      }
    // A sandboxed page has nothing to sweep, an old browser nothing to tell.
    } catch {}
  }

  // Starting

  // Takes in what the visitor allows now; consent.js calls it after every choice.
  function allow(names) {
    const isChange = allowed;
    allowed = new Set([...names, "necessary"]);
    // Who allows everything keeps the browser's own functions for all but cookies, which are never to live too long.
    if (rules.categories.some(waits)) for (const guard of [guardElements, guardMarkup, guardRequests]) quietly(guard);
    quietly(refuseIn, document);
    if (isChange) quietly(reviveStyles);
    sweep();
  }

  wrap(Document.prototype, "cookie", (args) => {
    const text = String(args[0]);
    const age = /;\s*max-age\s*=\s*(-?\d+)/i.exec(text);
    const date = /;\s*expires\s*=([^;]*)/i.exec(text);
    const left = age ? age[1] * 1e3 : date && Date.parse(date[1]) - Date.now();
    // A deletion always passes.
    if ((age || date) && left <= 0) return;
    if (cookieWaits(text.split(/[;=]/)[0].trim())) return NOTHING;
    // The last one counts (RFC 6265bis, 5.7).
    if (left > CAP) args[0] = text + "; max-age=" + CAP / 1e3;
  });
  wrap(window.CookieStore?.prototype, "set", ([options]) => {
    const { name, expires } = Object(options) === options ? options : { name: options };
    return !(expires < Date.now()) && cookieWaits(String(name)) && (() => Promise.resolve());
  });
  wrap(Storage.prototype, "setItem", (args) => args.length > 1 && keyWaits(args[0]) && NOTHING);

  Object.defineProperty(window, HOOK, { value: allow });
  // In a page for everybody shared.js knows better.
  allow(window["consent.allowed"] || tag.getAttribute(MARK + "allowed").split(" "));
  for (const type of ["load", "pagehide", "visibilitychange"]) addEventListener(type, sweep, true);
  window.cookieStore?.addEventListener("change", sweep);
  setInterval(sweep, 1e4);
})(RULES, document.currentScript);
