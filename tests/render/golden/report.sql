-- dbtune slow-queries
-- of PostgreSQL 18.6, prod \x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07 \x9b2J
-- at 2026-11-21 03:04:05 UTC+05:30
-- Review each statement before it is run; CONCURRENTLY must stand in no transaction.

-- pg.bad: \x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07 \x9b2J [bold red]markup[/bold red] [link=http://evil]x[/link] :smile: [/] <script>alert(1)</script> <b>&amp; <img src=x onerror=y> <!-- --> **bold** [x](http://evil) ![i](http://evil) `code` | a | b ~~c~~ # h * l _e_ http://a.b \u202egnp.exe\u202c \u2066x\u2069 \u200e\u200f \ufeff a\x00b\x07c\x08d e f g\x7fh i j k l m =HYPERLINK("http://evil"), "q" 'q' 漢字テスト 👩‍👩‍👧 é ::error::x %0A ``` ~~~ 
-- 12 of 34 \x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07 \x9b2J [bold red]markup[/bold red] [link=http://evil]x[/link] :smile: [/] <script>alert(1)</script> <b>&amp; <img src=x onerror=y> <!-- --> **bold** [x](http://evil) ![i](http://evil) `code` | a | b ~~c~~ # h * l _e_ http://a.b \u202egnp.exe\u202c \u2066x\u2069 \u200e\u200f \ufeff a\x00b\x07c\x08d e f g\x7fh i j k l m =HYPERLINK("http://evil"), "q" 'q' 漢字テスト 👩‍👩‍👧 é ::error::x %0A ``` ~~~ 
-- effect: locks \x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07 \x9b2J [bold red]markup[/bold red] [link=http://evil]x[/link] :smile: [/] <script>alert(1)</script> <b>&amp; <img src=x onerror=y> <!-- --> **bold** [x](http://evil) ![i](http://evil) `code` | a | b ~~c~~ # h * l _e_ http://a.b \u202egnp.exe\u202c \u2066x\u2069 \u200e\u200f \ufeff a\x00b\x07c\x08d e f g\x7fh i j k l m =HYPERLINK("http://evil"), "q" 'q' 漢字テスト 👩‍👩‍👧 é ::error::x %0A ``` ~~~ 
-- confidence: estimated
CREATE INDEX ON t (a);
\tSELECT '\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07 \x9b2J [bold red]markup[/bold red] [link=http://evil]x[/link] :smile: [/] <script>alert(1)</script> <b>&amp; <img src=x onerror=y> <!-- --> **bold** [x](http://evil) ![i](http://evil) `code` | a | b ~~c~~ # h * l _e_ http://a.b \u202egnp.exe\u202c \u2066x\u2069 \u200e\u200f \ufeff a\x00b\x07c\x08d\x0be\x0cf\rg\x7fh\x85i\u2028j\u2029k\tl
m =HYPERLINK("http://evil"), "q" 'q' 漢字テスト 👩‍👩‍👧 é 
::error::x %0A ```
~~~
';


-- pg.meh: plain
-- 12 of 34 plain
-- effect: locks plain
-- confidence: estimated
CREATE INDEX ON t (a);
\tSELECT 'plain';
