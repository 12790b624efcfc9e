// The guard: the first script of a page for a visitor who has not allowed everything.
//
// The server has made inert what stands in the page. This refuses what scripts add later: elements and requests that
// lead to gated hosts, and cookies and storage keys of categories without consent. What it refuses in the page waits
// there in the vocabulary of the server's gate (data-consent-category, data-consent-src), so that consent.js can bring
// it to life.
//
// A guard rail and no wall. It stops scripts that do their usual work, not one that is out to get past it, and it does
// not reach: workers and service workers; import(); url() and @import in style sheets; WebRTC; IndexedDB and caches;
// frames of the same origin whose document comes from srcdoc or from elsewhere than this site's pages, and windows it
// opens; scripts and frames in the pieces of one document.write() that only make sense together; cookies that a
// response sets. Only a Content-Security-Policy is a wall. Storage written as a property (localStorage.key = "…"), and
// whatever else slips past, is swept away a moment later. An image that slips past may have been asked for by then.
//
// Names are replaced by proxies of what the browser has there: length, name, descriptor, exceptions and source text
// stay native, and where anything of ours fails, the native function does what it always did.
(function (rules, tag) {
  "use strict";
  const HOOK = Symbol.for("consent.guard");
  if (window[HOOK]) return;

  const DAY = 864e5;
  const CAP = rules.days * DAY;
  const NOTHING = () => {};
  // A URL that every loader refuses natively, with its own events and exceptions, and without a request.
  const NOWHERE = "about:invalid";
  // WebSocket knows no such URL; browsers refuse to connect to this port (Fetch, 2.8, bad port).
  const NO_SOCKET = "wss://127.0.0.1:1";
  // Element and attribute, or rather the property of that name.
  const LOADS = (
    "a ping,area ping,audio src,body background,embed src,feImage href,frame src,iframe src,iframe srcdoc,image href," +
    "img src,img srcset,input src,link href,link imageSrcset,object data,script src,script href,source src," +
    "source srcset,track src,use href,video src,video poster"
  ).split(",");
  const ELEMENTS = LOADS.map((entry) => entry.split(" ")[0]).join() + ",template";
  const ATTRIBUTES = LOADS.map((entry) => entry.split(" ")[1].toLowerCase());
  const LOADING = new Set(LOADS.map((entry) => entry.toLowerCase()));
  const RELATIONS = /^$|stylesheet|preload|prefetch|prerender|preconnect|icon|manifest/i;
  // Markup without any of this cannot concern us, and is not read a second time.
  const HINT = new RegExp(rules.own ? "//|data-consent" : [...Object.keys(rules.hosts), ...rules.files, "data-consent"]
    .filter(Boolean).join("|").replace(/[.+?()[\]\\^$]/g, "\\$&"), "i");

  const ours = new WeakSet();
  const armed = new WeakSet();
  let allowed;

  // Judging

  const waits = (category) => (category && !allowed.has(category) ? category : "");

  function categoryOf(address) {
    let url;
    try { url = new URL(address, document.baseURI); } catch { return ""; }
    if (!/^(http|ws)s?:$/.test(url.protocol)) return "";
    // Servers read /%67tag as /gtag.
    const path = url.pathname.replace(/%(2[de]|3\d|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/gi, unescape);
    const place = path + url.search;
    const labels = url.hostname.replace(/\.$/, "").split(".");
    const names = labels.map((_, index) => labels.slice(index).join("."));
    for (const name of [...names, ""]) {
      for (const [category, pattern, port] of rules.hosts[name] || []) {
        if ((!port || port === url.port) && new RegExp(pattern || "").test(place)) return category;
      }
    }
    const own = rules.own && [location.hostname.replace(/^www\./, ""), ...rules.own];
    return own && !own.some((name) => names.includes(name)) ? "undeclared" : "";
  }

  const waitsAt = (address) => waits(categoryOf(address));

  function find(table, name) {
    for (let end = name.length, key = name; end >= 0; key = name.slice(0, end--) + "*") {
      if (table[key]) return table[key];
    }
  }

  // What an attribute of an element waits for, "" for nothing.
  function waitsIn(element, attribute, value) {
    const declared = element.getAttribute("data-consent");
    if (declared !== null) return declared.split(/\s+/).find(waits) || "";
    if (element.localName === "link" && !RELATIONS.test(element.rel)) return "";
    if (attribute === "srcdoc") return sift(value, element, true);
    const several = /srcset|ping/.test(attribute) && value.match(/[^\s,](\S*[^\s,])?/g);
    return (several || [value]).map(waitsAt).find(Boolean) || "";
  }

  // Elements

  function withhold(element, attribute, value, category) {
    const marks = new Set((element.getAttribute("data-consent-category") || "").split(",").filter(Boolean));
    element.setAttribute("data-consent-category", [...marks.add(category)].join());
    element.setAttribute("data-consent-" + attribute, value);
    if (element.localName === "iframe" && element.isConnected) element.src = "about:blank"; // ends what has begun
    element.removeAttribute(attribute);
    if (element.localName === "script") {
      // With src gone, the text inside would run.
      if (element.type && element.type !== "text/plain") element.setAttribute("data-consent-type", element.type);
      // One made by a script is asynchronous without the attribute.
      if (element.async) element.setAttribute("async", "");
      element.setAttribute("type", "text/plain");
    }
    if (/^(script|img|link)$/.test(element.localName)) setTimeout(() => element.dispatchEvent(new Event("error")));
    console.debug("consent: refused", value, "which waits for", category);
  }

  function release(element, attribute) {
    element.removeAttribute("data-consent-" + attribute);
    if (element.localName !== "script") return;
    const type = element.getAttribute("data-consent-type");
    if (type) element.setAttribute("type", type);
    else element.removeAttribute("type");
  }

  // Refuses an attribute that would load what waits for consent; whether it did.
  function refuse(element, attribute, value) {
    attribute = attribute.toLowerCase().replace("xlink:", "");
    if (!LOADING.has(`${element.localName.toLowerCase()} ${attribute}`)) return false;
    const category = waitsIn(element, attribute, String(value));
    if (category) withhold(element, attribute, String(value), category);
    else if (element.hasAttribute("data-consent-" + attribute)) release(element, attribute);
    return category;
  }

  // Refuses everything in a tree; the category of the last thing refused.
  function refuseIn(root) {
    let found = "";
    const elements = root.matches?.(ELEMENTS) ? [root] : [];
    for (const element of [...elements, ...root.querySelectorAll(ELEMENTS)]) {
      for (const { name, value } of [...element.attributes]) found = refuse(element, name, value) || found;
      if (element.content?.querySelectorAll) found = refuseIn(element.content) || found;
    }
    return found;
  }

  // Markup, read in a document that loads nothing; it comes back as it was unless something in it is refused.
  const inert = document.implementation.createHTMLDocument("");
  const html = Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML");

  function sift(markup, context, onlyTell) {
    if (!HINT.test(markup)) return onlyTell ? "" : markup;
    const place = onlyTell || !context?.localName ? inert.createElement("template") : inert.importNode(context);
    html.set.call(place, markup);
    const found = refuseIn(place.content || place);
    return onlyTell ? found : found ? html.get.call(place) : markup;
  }

  // Wrapping

  // Puts a proxy in the place of a function. What the judge returns, if it is a function, is done instead.
  function wrap(owner, name, kind, judge) {
    const descriptor = owner && Object.getOwnPropertyDescriptor(owner, name);
    const native = descriptor?.[kind];
    if (!native || !descriptor.configurable || ours.has(native)) return;
    const judged = (self, args) => {
      try { return judge(self, args) || undefined; } catch { /* the native function knows what to say */ }
    };
    const proxy = new Proxy(native, {
      apply: (_, self, args) => (judged(self, args) || (() => Reflect.apply(native, self, args)))(),
      construct: (_, args, target) => (judged(null, args), Reflect.construct(native, args, target)),
    });
    ours.add(proxy);
    Object.defineProperty(owner, name, { ...descriptor, [kind]: proxy });
    if (native.prototype?.constructor === native) {
      Object.defineProperty(native.prototype, "constructor", { value: proxy, writable: true, configurable: true });
    }
  }

  function guardElements(win) {
    for (const [element, property] of LOADS.map((entry) => entry.split(" "))) {
      const attribute = property.toLowerCase();
      let owner = win.document.createElement(element);
      while (owner && !Object.hasOwn(owner, property)) owner = Object.getPrototypeOf(owner);
      wrap(owner, property, "set", (self, [value]) => refuse(self, attribute, value) && NOTHING);
      wrap(owner, property, "get", (self) => {
        const held = self.getAttribute("data-consent-" + attribute);
        if (held === null || self.hasAttribute(attribute)) return;
        return () => (/src$|href|data|poster/.test(attribute) ? new URL(held, document.baseURI).href : held);
      });
    }
    const element = win.Element.prototype;
    wrap(element, "setAttribute", "value", (self, [name, value]) => refuse(self, String(name), value) && NOTHING);
    wrap(element, "setAttributeNS", "value", (self, [, name, value]) => refuse(self, String(name), value) && NOTHING);
    for (const frame of [win.HTMLIFrameElement, win.HTMLFrameElement, win.HTMLObjectElement]) {
      const { get } = Object.getOwnPropertyDescriptor(frame.prototype, "contentWindow");
      const enter = (self) => arm(get.call(self));
      wrap(frame.prototype, "contentWindow", "get", enter);
      wrap(frame.prototype, "contentDocument", "get", enter);
    }
  }

  function guardMarkup(win) {
    const sifts = (owner, name, kind, at, contextOf) =>
      wrap(win[owner]?.prototype, name, kind, (self, args) => { args[at] = sift(args[at], contextOf?.(self, args)); });
    const inside = (self) => self;
    const outside = (self) => self.parentNode;
    sifts("Element", "innerHTML", "set", 0, inside);
    sifts("Element", "outerHTML", "set", 0, outside);
    sifts("Element", "setHTMLUnsafe", "value", 0, inside);
    sifts("ShadowRoot", "innerHTML", "set", 0);
    sifts("ShadowRoot", "setHTMLUnsafe", "value", 0);
    sifts("Range", "createContextualFragment", "value", 0);
    sifts("Document", "write", "value", 0);
    sifts("Document", "writeln", "value", 0);
    sifts("Element", "insertAdjacentHTML", "value", 1, (self, [where]) => /^(before|after)(begin|end)$/i.test(where) &&
      (/^(beforebegin|afterend)$/i.test(where) ? outside : inside)(self));
    // Its document loads nothing until what is in it is moved into a page.
    const { parseFromString } = win.DOMParser.prototype;
    wrap(win.DOMParser.prototype, "parseFromString", "value", (self, args) => {
      const parsed = parseFromString.apply(self, args);
      refuseIn(parsed);
      return () => parsed;
    });
    // The second line: what came by a way that nobody wraps.
    new win.MutationObserver((records) => {
      const fresh = new Set();
      for (const { target, attributeName, addedNodes } of records) {
        const value = attributeName && target.getAttribute(attributeName);
        if (value) refuse(target, attributeName, value);
        for (const node of addedNodes) if (node.querySelectorAll) fresh.add(node);
      }
      for (const node of fresh) if (!fresh.has(node.parentNode)) refuseIn(node);
    }).observe(win.document, { childList: true, subtree: true, attributes: true, attributeFilter: ATTRIBUTES });
  }

  function guardRequests(win) {
    const away = (at, nowhere) => (_, args) => { if (waitsAt(args[at])) args[at] = nowhere; };
    wrap(win, "fetch", "value", (_, [input]) =>
      waitsAt(input?.url ?? input) && (() => win.Promise.reject(new win.TypeError("Failed to fetch"))));
    wrap(win.Navigator.prototype, "sendBeacon", "value", (_, [url]) => waitsAt(url) && (() => false));
    wrap(win.XMLHttpRequest.prototype, "open", "value", away(1, NOWHERE));
    wrap(win, "WebSocket", "value", away(0, NO_SOCKET));
    for (const name of ["EventSource", "Worker", "SharedWorker", "Audio"]) wrap(win, name, "value", away(0, NOWHERE));
  }

  // Cookies and storage

  const cookieWaits = (name) => waits(find(rules.cookies, name) || rules.undeclared);
  const keyWaits = (key) => waits(find(rules.storage, String(key)));

  function guardKeeping(win) {
    wrap(win.Document.prototype, "cookie", "set", (_, args) => {
      const text = String(args[0]);
      const age = /;\s*max-age\s*=\s*(-?\d+)/i.exec(text);
      const date = /;\s*expires\s*=([^;]*)/i.exec(text);
      const left = age ? age[1] * 1e3 : date ? Date.parse(date[1]) - Date.now() : NaN;
      if (left <= 0) return; // deletions always pass
      if (cookieWaits(text.split(/[;=]/)[0].trim())) return NOTHING;
      if (left > CAP) args[0] = `${text}; max-age=${CAP / 1e3}`; // the last one counts (RFC 6265bis, 5.7)
    });
    wrap(win.CookieStore?.prototype, "set", "value", (_, args) => {
      const options = Object(args[0]) === args[0] ? args[0] : { name: args[0], value: args[1] };
      const left = options.maxAge != null ? options.maxAge * 1e3 : options.expires - Date.now();
      if (left <= 0) return;
      if (cookieWaits(String(options.name))) return () => win.Promise.resolve();
      if (left > CAP) args.splice(0, 2, { ...options, maxAge: undefined, expires: Date.now() + CAP });
    });
    wrap(win.Storage.prototype, "setItem", "value", (_, args) => args.length > 1 && keyWaits(args[0]) && NOTHING);
  }

  // Expires a cookie wherever a script of this page could have set it.
  function expire(name) {
    const labels = location.hostname.split(".");
    const homes = ["", ...labels.map((_, index) => "; domain=" + labels.slice(index).join("."))];
    const paths = location.pathname.split("/").map((_, index, all) => all.slice(0, index + 1).join("/") || "/");
    const ways = location.protocol === "https:" ? ["; secure", "; secure; samesite=none; partitioned"] : [""];
    for (const home of homes) for (const path of paths) for (const way of ways) {
      document.cookie = `${name}=; max-age=0; path=${path}${home}${way}`;
    }
  }

  async function sweep() {
    try {
      for (const pair of document.cookie.split("; ")) {
        const name = pair.split("=")[0];
        if (waits(find(rules.cookies, name))) expire(name);
      }
      for (const storage of [localStorage, sessionStorage]) {
        for (const key of Object.keys(storage)) if (keyWaits(key)) storage.removeItem(key);
      }
      // Where the browser tells when a cookie ends (Chromium does), one that would outlive the policy is cut short.
      for (const cookie of await window.cookieStore?.getAll() || []) {
        if (cookie.expires > Date.now() + CAP) await cookieStore.set({ ...cookie, expires: Date.now() + CAP });
      }
    } catch { /* a sandboxed page has nothing to sweep */ }
  }

  // Starting

  function arm(win) {
    const place = win.document;
    if (armed.has(place) || (win !== window && win[HOOK])) return;
    guardKeeping(win);
    if (!rules.categories.some(waits)) return;
    armed.add(place);
    guardElements(win);
    guardMarkup(win);
    guardRequests(win);
  }

  // Takes in what the visitor allows now; consent.js calls it after every choice.
  function allow(names) {
    allowed = new Set([...names, "necessary", ""]);
    arm(window);
    if (armed.has(document)) refuseIn(document);
    sweep();
  }

  try {
    // A page for everybody says nothing about its visitor; what was chosen stands in a cookie that only scripts believe.
    const shared = tag?.getAttribute("data-consent-shared");
    const hint = (shared && document.cookie.match(/(?:^|; )consent-hint=([^;]*)/)?.[1].split(".")) || [];
    allow(shared && hint[0] === shared ? hint.slice(2) : (tag?.getAttribute("data-consent-allowed") || "").split(" "));
    Object.defineProperty(window, HOOK, { value: allow });
    for (const type of ["load", "pagehide"]) addEventListener(type, sweep);
    document.addEventListener("visibilitychange", sweep);
    window.cookieStore?.addEventListener("change", sweep);
    setInterval(sweep, 1e4);
  } catch (fault) {
    console.warn("consent: the guard could not start", fault);
  }
})(RULES, document.currentScript);
