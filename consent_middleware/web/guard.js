// The first script of a page for a visitor who has not allowed everything. What the policy withholds is in
// `consentRules`, put in front of this file; what this visitor allows is on the script's own tag.
(function (rules, tag) {
  "use strict";
  var allowed = ((tag && tag.getAttribute("data-consent-allowed")) || "").split(" ");

  function matches(pattern, name) {
    return pattern.slice(-1) === "*" ? name.indexOf(pattern.slice(0, -1)) === 0 : name === pattern;
  }

  function withheld(named, name) {
    return Object.keys(named).some(function (category) {
      return allowed.indexOf(category) < 0 && named[category].some(function (each) { return matches(each, name); });
    });
  }

  // Left over from a consent that has lapsed, or set by a script whose server we are not.
  ["localStorage", "sessionStorage"].forEach(function (kind) {
    var storage;
    try { storage = window[kind]; } catch (refused) { return; }
    Object.keys(storage).forEach(function (key) {
      if (withheld(rules.storage, key)) storage.removeItem(key);
    });
  });
})(consentRules, document.currentScript);
