"""Made-up lines of the log formats of load balancers, content networks, object stores and web servers."""

ALB = (
    "h2 2026-05-17T10:05:03.123456Z app/shop/50dc6c495c0c9188 [2001:db8::7]:2817 10.0.0.1:80 0.000 0.048 0.000 200 200 "
    '34 366 "GET https://www.example.com:443/blog/?a=b HTTP/2.0" "Mozilla/5.0 (X11; Linux x86_64) \\x22q\\x22" '
    "ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/shop/73e2 "
    '"Root=1-58337281-1d84f3d73c47ec4e58577259" "shop.example.com" "arn:aws:acm:us-east-2:1:certificate/1" 1 '
    '2026-05-17T10:05:03.070000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_dab99fc68f49'
)
ALB_NEWER = ALB + ' "new host" - 7'
ALB_FIRST = (
    "http 2026-05-17T10:05:03.5Z app/shop/50dc 192.0.2.10:2817 - -1 -1 -1 503 - 34 366 "
    '"POST http://www.example.com:80/signup HTTP/1.1" "curl/7.46.0" - - - "Root=1-5833"'
)
ALB_NO_REQUEST = ALB_FIRST.replace("POST http://www.example.com:80/signup HTTP/1.1", "- http://www.example.com:80- -")
ALB_NO_HOST = ALB_FIRST.replace("POST http://www.example.com:80/signup HTTP/1.1", "- - - ")
ELB = (
    "2026-05-17T10:05:03.945958Z shop 192.0.2.10:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "
    '"GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -'
)
ELB_FIRST = ELB.removesuffix(' "curl/7.38.0" - -')
S3 = (
    "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be example-bucket [17/May/2026:10:05:03 +0000] "
    "192.0.2.3 - 3E57427F3EXAMPLE WEBSITE.GET.OBJECT blog/index.html "
    '"GET /blog/index.html?v=2 HTTP/1.1" 200 - 2048 2048 7 6 "https://www.linkedin.com/" "Mozilla/5.0 (Test)" - '
    "s9lzHYrFp76ZVxRcpX9= - ECDHE-RSA-AES128-GCM-SHA256 - www.example.com TLSv1.2 - -"
)
S3_BY_ITSELF = S3.replace("WEBSITE.GET.OBJECT", "S3.EXPIRE.OBJECT").replace("192.0.2.3 - ", "- AmazonS3 ")
for each in ("GET /blog/index.html?v=2 HTTP/1.1", "https://www.linkedin.com/", "Mozilla/5.0 (Test)"):
    S3_BY_ITSELF = S3_BY_ITSELF.replace(f'"{each}"', "-")
S3_FIRST = S3.partition(" s9lz")[0]
HAPROXY = (
    "192.0.2.9:33317 [17/May/2026:10:05:03.655] web~ shop/srv1 10/0/30/69/+109 200 +2750 - - ---- 1/1/1/1/0 0/0 "
    '{www.example.com|Mozilla/5.0 (X)} {} "GET https://www.example.com/index.html?a HTTP/2.0"'
)
HAPROXY_PLAIN = (
    "2001:db8::9:33317 [17/May/2026:10:05:03.655] web shop/<NOSRV> -1/-1/-1/-1/0 400 187 - - PR-- 1/1/1/1/0 0/0 "
    '"<BADREQ>"'
)
SYSLOG = "May 17 10:05:03 edge haproxy[14389]: "
SYSLOG_NEW = "<134>1 2026-05-17T10:05:03.655+00:00 edge haproxy 14389 - - "

IIS_HEAD = (
    "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: 2026-05-17 10:00:00\n"
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "cs-host sc-status sc-substatus sc-win32-status time-taken X-Forwarded-For\n"
)
IIS = (
    "2026-05-17 10:05:03 10.0.0.4 GET /blog/post.aspx id=7 443 - 192.0.2.8 Mozilla/5.0+(Windows+NT+10.0) "
    "https://www.linkedin.com/ www.example.com 200 0 0 93 203.0.113.5,+198.51.100.4"
)
IIS_OTHER_HEAD = "#Fields: time date c-ip cs-method cs-uri-stem sc-status\n"
IIS_OTHER = "10:06:00 2026-05-17 192.0.2.8 POST /signup 302"

CLOUDFRONT_HEAD = "#Version: 1.0\n#Fields: " + (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) "
    "cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken "
    "x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status "
    "fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len "
    "sc-range-start sc-range-end\n"
)
CLOUDFRONT = "\t".join([
    "2026-05-17", "10:05:03", "FRA2", "2390", "2001:db8::a", "GET", "d111111abcdef8.cloudfront.net", "/caf%C3%A9",
    "200", "https://www.example.com/a%2520b", "Mozilla/5.0%20(Macintosh;%20X)", "utm_source=x%2526y", "-", "Hit",
    "SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==", "www.example.com", "https", "23", "0.001",
    "203.0.113.5", "TLSv1.3", "TLS_AES_128_GCM_SHA256", "Hit", "HTTP/2.0", "-", "-", "11040", "0.001", "Hit",
    "text/html", "78", "-", "-",
])  # fmt: skip

HEADS = {"iis": IIS_HEAD, "cloudfront": CLOUDFRONT_HEAD}
LINES = {
    "combined": [
        '192.0.2.1 - jo [17/May/2026:10:05:03 +0200] "GET /a?b=1 HTTP/1.1" 200 12 "https://x.com/" "Agent \\"q\\""',
        '2001:db8::1 - - [17/May/2026:10:05:03 +0000] "GET / HTTP/2.0" 304 - "-" "-"',
    ],
    "vhost_combined": [
        'www.b.com:443 192.0.2.1 - - [17/May/2026:10:05:03 +0200] "GET /a HTTP/1.1" 200 12 "https://x.com/" "Agent"',
    ],
    "common": ['192.0.2.1 - - [17/May/2026:10:05:03 +0200] "GET /a HTTP/1.1" 200 12'],
    "alb": [ALB, ALB_NEWER, ALB_FIRST, ALB_NO_REQUEST, ALB_NO_HOST],
    "elb": [ELB, ELB_FIRST],
    "s3_access": [S3, S3_FIRST, S3_BY_ITSELF],
    "haproxy": [HAPROXY, HAPROXY_PLAIN, SYSLOG + HAPROXY, SYSLOG_NEW + HAPROXY_PLAIN],
    "iis": [IIS],
    "cloudfront": [CLOUDFRONT],
}
"""Lines that can be read, by the name of their format; under its `HEADS`, if it has one."""
