# SPDX-License-Identifier: BSD-3-Clause
#
# The protocol: what a client may send, what must be refused and how, and the types of RESP3.

# Sends bytes on a connection of their own and returns what comes back until the server closes it
# or `lines` lines are there. A line that the server has not sent is an error in the test, by the client's timeout.
proc talk {bytes lines} {
    set c [redis [srv 0 host] [srv 0 port] 1 $::tls [tls_options] 1]
    $c write $bytes
    $c flush
    set got {}
    for {set i 0} {$i < $lines} {incr i} {lappend got [$c read]}
    $c close
    return $got
}

# The same for bytes after which the server must close the connection; the result is all that it says before.
proc talk_until_closed {bytes} {
    set c [redis [srv 0 host] [srv 0 port] 1 $::tls [tls_options] 1]
    $c write $bytes
    $c flush
    set got {}
    while {![catch {$c read} line]} {lappend got $line}
    $c close
    return $got
}

start_server {tags {"protocol"}} {
    # --- Inline commands ---

    test {An inline command may have blanks around its words} {
        talk "  PING  \r\nECHO   hello \t \r\n" 3
    } {+PONG {$5} hello}

    test {An inline command may end in a bare newline} {
        talk "PING\nPING\n" 2
    } {+PONG +PONG}

    test {Empty lines are not commands} {
        talk "\r\n\r\n\n   \r\nPING\r\n" 1
    } {+PONG}

    test {Quotes hold blanks and escapes in an inline command} {
        talk "ECHO \"a b\\x41\\n\"\r\nECHO 'it\\'s'\r\n" 5
    } [list {$5} "a bA" {} {$4} {it's}]

    test {Unbalanced quotes of an inline command end the connection} {
        talk_until_closed "ECHO \"foo\r\nPING\r\n"
    } {{-ERR Protocol error: unbalanced quotes in request}}

    test {A closing quote must be followed by a blank} {
        talk_until_closed "ECHO \"foo\"bar\r\n"
    } {{-ERR Protocol error: unbalanced quotes in request}}

    test {An inline command of more than 64 KB is refused} {
        talk_until_closed [string repeat x 70000]
    } {{-ERR Protocol error: too big inline request}}

    test {An inline command just under the limit is read} {
        set got [talk "ECHO [string repeat y 60000]\r\n" 2]
        list [lindex $got 0] [string length [lindex $got 1]]
    } {{$60000} 60000}

    # --- Multi bulk commands ---

    test {A multi bulk of no arguments is ignored} {
        talk "*0\r\n*-1\r\n*-10\r\nPING\r\n" 1
    } {+PONG}

    test {An argument may be empty} {
        talk "*2\r\n\$4\r\nECHO\r\n\$0\r\n\r\n" 2
    } {{$0} {}}

    test {An argument may hold any byte} {
        set bytes {}
        for {set i 0} {$i < 256} {incr i} {append bytes [format %c $i]}
        r set bytes $bytes
        assert_equal 256 [r strlen bytes]
        assert {[r get bytes] eq $bytes}
    }

    foreach {length why} {
        *abc      {invalid multibulk length}
        *2147483648 {invalid multibulk length}
        *99999999999999999999 {invalid multibulk length}
    } {
        test "A multi bulk length of $length ends the connection" {
            talk_until_closed "$length\r\n"
        } [list "-ERR Protocol error: $why"]
    }

    test {A multi bulk length without end ends the connection} {
        talk_until_closed *[string repeat 1 70000]
    } {{-ERR Protocol error: too big mbulk count string}}

    test {A bulk length without end ends the connection} {
        talk_until_closed "*1\r\n\$[string repeat 1 70000]"
    } {{-ERR Protocol error: too big bulk count string}}

    foreach length {-1 -2147483648 2147483648 99999999999999999999 1x {} { 3}} {
        test "A bulk length of '$length' ends the connection" {
            talk_until_closed "*1\r\n\$$length\r\n"
        } {{-ERR Protocol error: invalid bulk length}}
    }

    test {An argument must begin with a dollar sign} {
        talk_until_closed "*2\r\n\$4\r\nECHO\r\n!3\r\nfoo\r\n"
    } {{-ERR Protocol error: expected '$', got '!'}}

    test {The byte that is not a dollar sign is shown as it is} {
        talk_until_closed "*1\r\nhello\r\n"
    } {{-ERR Protocol error: expected '$', got 'h'}}

    test {Commands before a protocol error are answered} {
        talk_until_closed "PING\r\n*1\r\n\$4\r\nPING\r\n*x\r\nPING\r\n"
    } {+PONG +PONG {-ERR Protocol error: invalid multibulk length}}

    test {proto-max-bulk-len bounds an argument} {
        r config set proto-max-bulk-len 2000000
        set refused [talk_until_closed "*3\r\n\$3\r\nSET\r\n\$1\r\nk\r\n\$2000001\r\n"]
        r set k [string repeat x 2000000]
        r config set proto-max-bulk-len 512mb
        list $refused [r strlen k]
    } {{{-ERR Protocol error: invalid bulk length}} 2000000} {external:skip}

    test {A claim of a big argument costs nothing until its bytes come} {
        set before [s used_memory]
        set c [redis [srv 0 host] [srv 0 port] 1 $::tls [tls_options]]
        $c write "*3\r\n\$3\r\nSET\r\n\$1\r\nk\r\n\$500000000\r\n"
        $c flush
        r ping
        set grown [expr {[s used_memory] - $before}]
        $c close
        assert_lessthan $grown 10000000
    } {} {external:skip redport-only}

    # --- Arrival in pieces ---

    test {A command may arrive byte by byte} {
        set c [redis_deferring_client]
        foreach byte [split [formatCommand set pieces "a\r\nb"] {}] {
            $c write $byte
            $c flush
        }
        assert_equal OK [$c read]
        $c close
        assert_equal "a\r\nb" [r get pieces]
    }

    test {Many commands may arrive at once, and are answered in order} {
        set c [redis_deferring_client]
        set bytes {}
        for {set i 0} {$i < 5000} {incr i} {append bytes [formatCommand echo $i]}
        $c write $bytes
        $c flush
        for {set i 0} {$i < 5000} {incr i} {assert_equal $i [$c read]}
        $c close
    }

    test {Big and small arguments in one pipeline keep their order} {
        set c [redis_deferring_client]
        set sizes {1 40000 16384 0 16385 300000 32768 2 65536 1048576 3}
        foreach size $sizes {$c echo [string repeat z $size]}
        foreach size $sizes {assert_equal $size [string length [$c read]]}
        $c close
    }

    test {A client that closes half-way through a command harms nobody} {
        for {set i 0} {$i < 20} {incr i} {
            set c [redis [srv 0 host] [srv 0 port] 1 $::tls [tls_options]]
            $c write [string range [formatCommand set half [string repeat v 1000]] 0 [expr {$i * 45}]]
            $c flush
            $c close
        }
        assert_equal PONG [r ping]
        assert_equal 0 [r exists half]
    }

    test {A pipeline is answered although its sender stops reading for a while} {
        set c [redis_deferring_client]
        r set big [string repeat b 100000]
        for {set i 0} {$i < 200} {incr i} {$c get big}
        assert_equal PONG [r ping]
        for {set i 0} {$i < 200} {incr i} {assert_equal 100000 [string length [$c read]]}
        $c close
    }

    test {QUIT answers and closes} {
        talk_until_closed "QUIT\r\nPING\r\n"
    } {+OK}

    test {Words of HTTP end the connection} {
        foreach line {"POST / HTTP/1.1" "Host: example"} {
            assert_equal {} [talk_until_closed "$line\r\nPING\r\n"]
        }
        assert_equal PONG [r ping]
    } {} {external:skip}

    # --- Errors of commands ---

    test {An unknown command is named, with the beginning of its arguments} {
        assert_error "ERR unknown command 'nosuchthing', with args beginning with: 'a' 'b c' " {r nosuchthing a "b c"}
        assert_error "ERR unknown command 'NoSuch', with args beginning with: " {r NoSuch}
    }

    test {A long unknown command is cut in the error} {
        catch {r [string repeat n 200] [string repeat a 200] [string repeat b 200]} e
        assert_match "ERR unknown command '[string repeat n 128]', with args beginning with: '[string repeat a 128]*" $e
        assert_lessthan [string length $e] 400
    }

    test {Line ends in an unknown command do not break the protocol} {
        assert_error "ERR unknown command 'a  b', with args beginning with: 'c  d' " {r "a\r\nb" "c\r\nd"}
        assert_equal PONG [r ping]
    }

    test {A wrong number of arguments names the command in lower case} {
        assert_error "ERR wrong number of arguments for 'get' command" {r GET}
        assert_error "ERR wrong number of arguments for 'get' command" {r get a b}
        assert_error "ERR wrong number of arguments for 'set' command" {r set a}
        assert_error "ERR wrong number of arguments for 'client|getname' command" {r client getname x}
        assert_error "ERR wrong number of arguments for 'config' command" {r config}
    }

    test {An unknown subcommand is named as it was written} {
        assert_error "ERR unknown subcommand 'Nope'. Try CLIENT HELP." {r client Nope}
        assert_error "ERR unknown subcommand 'nope'. Try CONFIG HELP." {r config nope}
        assert_error "ERR unknown subcommand 'nope'. Try OBJECT HELP." {r object nope key}
    }

    test {Names of commands and options are case-insensitive} {
        r SeT case Value Ex 100
        assert_equal Value [r gET case]
        assert_range [r TtL case] 1 100
    }

    # --- HELLO ---

    test {HELLO tells who answers} {
        set hello [r hello 2]
        assert_equal redis [dict get $hello server]
        assert_match 8.* [dict get $hello version]
        assert_equal 2 [dict get $hello proto]
        assert_equal [r client id] [dict get $hello id]
        assert_equal standalone [dict get $hello mode]
        assert_equal master [dict get $hello role]
        assert_equal {server version proto id mode role modules} [dict keys $hello]
    } {} {external:skip}

    test {HELLO refuses other protocols} {
        assert_error {NOPROTO unsupported protocol version} {r hello 1}
        assert_error {NOPROTO unsupported protocol version} {r hello 4}
        assert_error {ERR Protocol version is not an integer or out of range} {r hello three}
    }

    test {HELLO can set the name, and refuses a bad one} {
        r hello 2 setname alice
        assert_equal alice [r client getname]
        assert_error {ERR Client names cannot contain spaces, newlines or special characters.} {r hello 2 setname "a b"}
        r client setname {}
    }

    test {HELLO refuses unknown options} {
        assert_error "ERR Syntax error in HELLO option 'shout'" {r hello 2 shout}
        assert_error "ERR Syntax error in HELLO option 'auth'" {r hello 2 auth onlyone}
        assert_error "ERR Syntax error in HELLO option 'more'" {r hello 2 auth default pass more}
    }

    test {HELLO without a version changes nothing} {
        r hello 3
        assert_equal 3 [dict get [r hello] proto]
        r hello 2
        assert_equal 2 [dict get [r hello] proto]
    }

    # --- RESP3 ---

    test {Each RESP3 type has its form on the wire} {
        r hello 3
        r readraw 1
        # type and the lines of the reply
        foreach {type lines} {
            string   {{$11} {Hello World}}
            integer  {:12345}
            double   {,3.141}
            null     {_}
            array    {*3 :0 :1 :2}
            set      {~3 :0 :1 :2}
            map      {%3 :0 #f :1 #t :2 #f}
            bignum   {(1234567999999999999999999999999999999}
            true     {#t}
            false    {#f}
            verbatim {{=29} {txt:This is a verbatim} string}
        } {
            set got [list [r debug protocol $type]]
            while {[llength $got] < [llength $lines]} {lappend got [r read]}
            assert_equal [join $lines |] [join $got |] $type
        }
        r readraw 0
        r hello 2
        return {}
    } {} {needs:debug}

    test {Each RESP3 type has an older form for RESP2} {
        r hello 2
        r readraw 1
        foreach {type lines} {
            double   {{$5} 3.141}
            null     {{$-1}}
            set      {*3 :0 :1 :2}
            map      {*6 :0 :0 :1 :1 :2 :0}
            bignum   {{$37} 1234567999999999999999999999999999999}
            true     {:1}
            false    {:0}
            verbatim {{$25} {This is a verbatim} string}
        } {
            set got [list [r debug protocol $type]]
            while {[llength $got] < [llength $lines]} {lappend got [r read]}
            assert_equal [join $lines |] [join $got |] $type
        }
        r readraw 0
    } {} {needs:debug}

    test {An attribute comes before its reply, and only in RESP3} {
        r hello 3
        assert_equal {Some real reply following the attribute} [r debug protocol attrib]
        assert_equal {key-popularity {key:123 90}} [r attributes]
        r hello 2
        assert_error {*} {r debug protocol push}
        assert_equal PONG [r ping]
    } {} {needs:debug}

    test {A missing value is _ in RESP3 and $-1 in RESP2} {
        r del nothing
        r hello 3
        r readraw 1
        assert_equal _ [r get nothing]
        r readraw 0
        r hello 2
        r readraw 1
        assert_equal {$-1} [r get nothing]
        r readraw 0
    }

    test {CONFIG GET is a map in RESP3 and a flat array in RESP2} {
        r hello 3
        r readraw 1
        assert_equal %1 [r config get maxmemory]
        for {set i 0} {$i < 4} {incr i} {r read}
        r readraw 0
        r hello 2
        r readraw 1
        assert_equal *2 [r config get maxmemory]
        for {set i 0} {$i < 4} {incr i} {r read}
        r readraw 0
    } {} {external:skip}

    test {INFO is a verbatim string in RESP3} {
        r hello 3
        r readraw 1
        set head [r info server]
        set size [string range $head 1 end]
        r rawread [expr {$size + 2}]
        r readraw 0
        r hello 2
        assert_match =* $head
    }
}

start_server {tags {"protocol auth external:skip"} overrides {requirepass secret}} {
    test {Nothing but AUTH, HELLO and a few more is done before authentication} {
        set c [redis [srv 0 host] [srv 0 port] 0 $::tls [tls_options]]
        assert_error {NOAUTH Authentication required.} {$c get x}
        assert_error {NOAUTH Authentication required.} {$c ping}
        assert_error {NOAUTH HELLO must be called with the client already authenticated*} {$c hello 3}
        assert_error {WRONGPASS invalid username-password pair or user is disabled.} {$c auth wrong}
        assert_error {WRONGPASS *} {$c auth nobody secret}
        assert_error {ERR wrong number of arguments for 'auth' command} {$c auth}
        assert_equal OK [$c auth secret]
        assert_equal PONG [$c ping]
        $c close
    }

    test {AUTH takes a user's name, and so does HELLO} {
        set c [redis [srv 0 host] [srv 0 port] 0 $::tls [tls_options]]
        assert_equal OK [$c auth default secret]
        $c close
        set c [redis [srv 0 host] [srv 0 port] 0 $::tls [tls_options]]
        assert_equal 3 [dict get [$c hello 3 auth default secret setname bob] proto]
        assert_equal bob [$c client getname]
        $c close
    }

    test {Before authentication a request has ten arguments of 16 KB at most} {
        assert_equal {{-ERR Protocol error: unauthenticated multibulk length}} [talk_until_closed "*11\r\n"]
        assert_equal {{-ERR Protocol error: unauthenticated bulk length}} [talk_until_closed "*2\r\n\$4\r\nAUTH\r\n\$16385\r\n"]
        # An inline command is an ordinary one.
        assert_equal {{-NOAUTH Authentication required.}} [talk "GET x\r\n" 1]
    }
}

start_server {tags {"protocol auth"}} {
    test {AUTH where no password is set says so} {
        assert_error {ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?} {r auth x}
    } {} {external:skip}
}
