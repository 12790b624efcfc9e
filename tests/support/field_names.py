"""Names of HTTP fields, to tell them from other words: IANA's registry as far as servers and browsers of the web use
it (https://www.iana.org/assignments/http-fields), and some in use that nobody registered.
"""

from __future__ import annotations

REGISTERED = frozenset(
    name.lower()
    for name in """
    A-IM Accept Accept-Charset Accept-CH Accept-Datetime Accept-Encoding Accept-Language Accept-Patch Accept-Post
    Accept-Ranges Access-Control-Allow-Credentials Access-Control-Allow-Headers Access-Control-Allow-Methods
    Access-Control-Allow-Origin Access-Control-Expose-Headers Access-Control-Max-Age Access-Control-Request-Headers
    Access-Control-Request-Method Age Allow Alt-Svc Alt-Used Attribution-Reporting-Eligible Authentication-Info
    Authorization Available-Dictionary Cache-Control Cache-Status CDN-Cache-Control CDN-Loop Clear-Site-Data
    Client-Cert Connection Content-Base Content-Digest Content-Disposition Content-Encoding Content-Language
    Content-Length Content-Location Content-MD5 Content-Range Content-Script-Type Content-Security-Policy
    Content-Security-Policy-Report-Only Content-Style-Type Content-Type Cookie Cookie2 Critical-CH
    Cross-Origin-Embedder-Policy Cross-Origin-Embedder-Policy-Report-Only Cross-Origin-Opener-Policy
    Cross-Origin-Opener-Policy-Report-Only Cross-Origin-Resource-Policy Date Default-Style Deprecation Dictionary-ID
    Digest DNT DPR Early-Data ECT ETag Expect Expect-CT Expires Forwarded From Front-End-Https Host HX-Boosted
    HX-Current-URL HX-Redirect HX-Refresh HX-Request HX-Target HX-Trigger If-Match If-Modified-Since If-None-Match
    If-Range If-Unmodified-Since Integrity-Policy Keep-Alive Last-Event-ID Last-Modified Link Location Max-Forwards
    NEL No-Vary-Search Observe-Browsing-Topics Origin Origin-Agent-Cluster P3P Permissions-Policy
    Permissions-Policy-Report-Only Ping-From Ping-To Pragma Prefer Preference-Applied Priority Proxy-Authenticate
    Proxy-Authentication-Info Proxy-Authorization Proxy-Connection Proxy-Status Public-Key-Pins Purpose Range Referer
    Referrer-Policy Refresh Report-To Reporting-Endpoints Repr-Digest Retry-After RTT Save-Data Sec-Browsing-Topics
    Sec-CH-UA Sec-CH-UA-Mobile Sec-CH-UA-Platform Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site
    Sec-Fetch-Storage-Access Sec-Fetch-User Sec-GPC Sec-Purpose Sec-WebSocket-Accept Sec-WebSocket-Extensions
    Sec-WebSocket-Key Sec-WebSocket-Protocol Sec-WebSocket-Version Server Server-Timing Service-Worker
    Service-Worker-Allowed Service-Worker-Navigation-Preload Set-Cookie Set-Cookie2 Signature Signature-Input SourceMap
    Speculation-Rules Strict-Transport-Security Sunset Supports-Loading-Mode Surrogate-Capability Surrogate-Control
    TE Timing-Allow-Origin Tk Trailer Transfer-Encoding Upgrade Upgrade-Insecure-Requests Use-As-Dictionary User-Agent
    Vary Via Want-Content-Digest Want-Digest Want-Repr-Digest Warning WWW-Authenticate X-Content-Type-Options
    X-CSRFToken X-CSRF-Token X-DNS-Prefetch-Control X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Frame-Options
    X-HTTP-Method-Override X-Permitted-Cross-Domain-Policies X-Powered-By X-Real-IP X-Request-ID X-Requested-With
    X-Robots-Tag X-UA-Compatible X-XSS-Protection X-XSRF-Token
    """.split()
)
