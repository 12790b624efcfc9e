// Tells services what the visitor has consented to: before anything else in the page, and again at each choice made
// in it. The rules in front of this, and who is allowed what, are the policy's; see data/consent_calls.toml.
(function (rules, tag) {
  "use strict";
  // In a page for everybody shared.js knows better.
  let allowed = window["consent.allowed"] || tag.dataset.consentAllowed.split(" ");

  const answer = (categories) =>
    categories.length && categories.every((name) => allowed.includes(name)) ? "granted" : "denied";

  function said(part, call) {
    if (part === "$service") return answer([call.category]);
    if (part === "$signals") return said(rules.named, call);
    if (typeof part === "string" && part[0] === "$") return answer(rules.signals[part.slice(1)] || []);
    if (part && typeof part === "object" && !Array.isArray(part)) {
      return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, said(value, call)]));
    }
    return part;
  }

  const ways = {
    arguments: (object, parts) => (function () { object.push(arguments); }).apply(null, parts),
    items: (object, parts) => object.push(...parts),
    entry: (object, parts) => object.push(parts),
    call: (object, parts) => object(...parts),
    method: (object, [name, ...parts]) => object[name](...parts),
  };

  function made(how) {
    if (how !== "call") return [];
    const queue = function () { (queue.q = queue.q || []).push(arguments); };
    return queue;
  }

  function tell(at) {
    for (const call of rules.calls) {
      if (call.at !== at || (call.when && call.when !== answer([call.category]))) continue;
      try {
        if (at === "start") window[call.object] = window[call.object] || made(call.how);
        if (window[call.object]) ways[call.how](window[call.object], call.say.map((part) => said(part, call)));
      } catch (fault) {
        console.warn("consent: a service could not be told", call.object, fault);
      }
    }
  }

  tell("start");
  document.addEventListener("consent:change", (event) => {
    const { granted, withdrawn } = event.detail;
    allowed = [...allowed.filter((name) => !withdrawn.includes(name)), ...granted];
    tell("change");
  });
})
