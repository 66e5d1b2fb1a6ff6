# SPDX-License-Identifier: BSD-3-Clause
#
# Attacks of the classes that Redis and its kin have known: what a client may send must not end the server, cost it much, or break a reply.

start_server {tags {"security" "scripting"}} {
    # Each script ends, with a result or an error, and leaves the server as it was.
    foreach {what script error} {
        {recursion} {local function f() return 1 + f() end return f()} {*stack overflow*}
        {mutual pcall} {local function f() return pcall(f) end f() return 1} {}
        {a metatable that calls itself} {local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x} {*stack overflow*}
        {an __index loop} {local t = {} setmetatable(t, {__index = t}) return t.x} {*loop in gettable*}
        {a __tostring that calls itself} {local t t = setmetatable({}, {__tostring = function() return tostring(t) end}) return tostring(t)} {*stack overflow*}
        {unpack of many} {return {unpack({}, 1, 1e8)}} {*too many results to unpack*}
        {unpack of a range that wraps} {return {unpack({}, -2147483648, 2147483647)}} {*too many results to unpack*}
        {a width of format} {return string.format('%1000d', 1)} {*invalid format (width or precision too long)*}
        {a precision of format} {return string.format('%.1000f', 1)} {*invalid format (width or precision too long)*}
        {captures} {return ('x'):find(('()'):rep(33))} {*too many captures*}
        {a pattern of nothing but ends} {return ('x'):find('[')} {*malformed pattern*}
        {deep cjson} {local s = ('['):rep(100000) return cjson.decode(s)} {*too many nested data structures*}
        {deep tables in cjson} {local t = {} for i = 1, 5000 do t = {t} end return cjson.encode(t)} {*excessive nesting*}
        {deep tables in cmsgpack} {local t = {} for i = 1, 5000 do t = {t} end return #cmsgpack.pack(t)} {}
        {deep cmsgpack} {return cmsgpack.unpack(('\145'):rep(100000))} {*}
        {lengths of cmsgpack} {return cmsgpack.unpack('\221\255\255\255\255')} {*Missing bytes in input*}
        {an offset of struct} {return struct.unpack('I', 'abcdefgh', 4294967296)} {*data string too short*}
        {a size of struct} {return struct.pack('I99999999999999999999', 1)} {*integral size overflow*}
        {bytes in a tohex} {return #bit.tohex(1, -2147483648)} {}
        {bytecode} {return loadstring('\27Lua')} {}
        {bytecode of string.dump} {return loadstring(string.dump(function() end))} {*}
        {the metatable of strings} {getmetatable('').__index = nil} {*Attempt to modify a readonly table*}
        {another metatable of strings} {getmetatable('').__add = function() end} {*Attempt to modify a readonly table*}
        {the metatable of the globals} {setmetatable(_G, {__index = {}})} {*Attempt to modify a readonly table*}
        {the functions of a library} {redis.call = function() end} {*Attempt to modify a readonly table*}
        {rawset on a library} {rawset(math, 'floor', 1)} {*Attempt to modify a readonly table*}
        {table.insert into a library} {table.insert(cjson, 1)} {*Attempt to modify a readonly table*}
        {getfenv} {return getfenv(0)} {*nonexistent global variable 'getfenv'*}
        {the file system} {return io.open('/etc/passwd')} {*nonexistent global variable 'io'*}
        {modules} {return require('os')} {*nonexistent global variable 'require'*}
        {concat of what is not there} {return table.concat({}, 'x', 1, 2^31 - 1)} {*invalid value (nil)*}
        {coroutines within coroutines} {local function f() return coroutine.wrap(f)() end return f()} {*overflow*}
    } {
        test "A script's $what" {
            set failed [catch {r eval $script 0} result]
            if {$error eq {}} {
                # what comes back is this server's choice
            } else {
                assert_match $error $result
            }
            assert_equal PONG [r ping]
            assert_equal 1 [r eval {return 1} 0]
        }
    }

    test {A script cannot make a string that takes the memory of all} {
        assert_error {*not enough memory*} {r eval {return #string.rep('x', 2^31 - 1)} 0}
        assert_error {*not enough memory*} {r eval {local s = string.rep('x', 2^20) for i = 1, 20 do s = s .. s end return #s} 0}
        r ping
    } {PONG} {redport-only}

    test {Line ends in a status of a script do not break the reply} {
        foreach script {{return redis.status_reply(ARGV[1])} {return {ok = ARGV[1]}} {return {err = ARGV[1]}} {return redis.error_reply(ARGV[1])}} {
            foreach text [list "a\r\n+b" "a\0\r\n+b" "\r\n" "\n\n-ERR"] {
                catch {r eval $script 0 $text} result
                assert_no_match "*\n*" $result
                assert_equal PONG [r ping]
            }
        }
    }
}

start_server {tags {"security"}} {
    test {HyperLogLogs made of anything} {
        foreach bytes {"\xff" "\x7f\xff" "\x00" "\x80" "\xc0\x00"} {
            foreach at {0 4 8 15 16 17 100} {
                r del h other
                r pfadd h a b c
                r pfadd other x
                r setrange h $at [string repeat $bytes 40]
                foreach command {{pfcount h} {pfadd h y} {pfmerge other h} {pfcount h other}} {
                    catch {r {*}$command}
                }
                assert_equal PONG [r ping]
            }
        }
    }

    test {Patterns of many asterisks take no time} {
        set name [string repeat a 200]
        set pattern [string repeat a* 60]b
        r set $name x
        assert_equal {} [r keys $pattern]
        assert_equal {0 {}} [r scan 0 match $pattern count 100]
        assert_equal {} [r config get $pattern]
        r psubscribe $pattern
        set other [redis_client]
        assert_equal 0 [$other publish $name x]
        r punsubscribe
        $other acl setuser patterns on nopass +@all resetkeys ~$pattern
        assert_match {*no permissions to access the*} [$other acl dryrun patterns get $name]
        $other acl deluser patterns
        $other close
        r ping
    } {PONG}

    test {Members that differ in case only are drawn quickly} {
        r del set hash
        for {set i 0} {$i < 4096} {incr i} {
            set name {}
            for {set bit 0} {$bit < 12} {incr bit} {append name [expr {$i >> $bit & 1 ? {A} : {a}}]}
            lappend members $name
            lappend fields $name x
        }
        r sadd set {*}$members
        r hset hash {*}$fields
        assert_equal 4095 [llength [r srandmember set 4095]]
        assert_equal 4095 [llength [r hrandfield hash 4095]]
        assert_equal 4096 [llength [lsort -unique [r srandmember set 5000]]]
        llength [r hrandfield hash -5000]
    } {5000}

    test {A line end in a value of the configuration stays in it} {
        foreach value [list "a\nport 1" "a\r\nport 1" "a\"b" "a\\" " a "] {
            r config set masteruser $value
            assert_equal $value [lindex [r config get masteruser] 1]
        }
        r config set masteruser {}
    } {OK}
}

start_server {tags {"security"}} {
    test {Counts that no command can have} {
        r hset h a 1 b 2
        r zadd z 1 a
        r rpush l a
        r sadd s a
        r xadd x 1-1 a b
        foreach n {9223372036854775807 -9223372036854775808 18446744073709551615 4611686018427387904 2147483648 -1} {
            foreach command {
                {hexpire h 10 fields $n a} {hpexpire h 10 fields $n a b} {hpersist h fields $n a} {httl h fields $n a}
                {hgetdel h fields $n a} {hgetex h ex 10 fields $n a} {hsetex h fields $n a 1}
                {zunion $n z} {zinter $n z z} {zdiff $n z} {zintercard $n z} {zunionstore d $n z} {sintercard $n s}
                {lmpop $n l left} {blmpop 0.01 $n l left} {zmpop $n z min} {bzmpop 0.01 $n z max}
                {eval {return 1} $n a} {eval_ro {return 1} $n a} {fcall f $n a} {xread count $n streams x 0}
                {scan 0 count $n} {hscan h 0 count $n} {sscan s 0 count $n} {zscan z 0 count $n}
                {setrange k $n x} {setbit k 1$n 1} {getrange l $n $n} {bitfield k set u8 1$n 1} {lpos l a rank $n}
                {xautoclaim x g c 0 0 count $n} {geosearch z fromlonlat 0 0 byradius 1 m count $n} {sort l limit $n $n}
                {lrange l $n $n} {zrange z $n $n} {ltrim nokey $n $n} {expire nokey $n} {object freq l $n} {client list id $n}
            } {
                catch {r {*}[subst $command]}
                assert_equal PONG [r ping]
            }
        }
        # Nothing of that was more than a number too large.
        assert_range [string length [r get k]] 0 1000
    }

    test {Payloads of RESTORE that end early, or were changed} {
        r rpush list a b c 1 2 3 [string repeat x 100]
        r sadd intset 1 2 3
        r hset hash a 1 b 2
        r zadd zset 1 a 2.5 b
        r xadd stream 1-1 a b
        r xgroup create stream g 0
        r xreadgroup group g c streams stream >
        foreach key {list intset hash zset stream} {
            set payload [r dump $key]
            for {set i 0} {$i < [string length $payload]} {incr i} {
                assert_error {*} {r restore copy 0 [string range $payload 0 $i-1]}
                assert_error {*} {r restore copy 0 [string replace $payload $i $i [format %c [expr {[scan [string index $payload $i] %c] ^ 0x55}]]]}
            }
            assert_equal 0 [r exists copy]
            assert_equal OK [r restore copy 0 $payload]
            r del copy
        }
    }

    test {Selectors and patterns of users that are nonsense} {
        foreach rule {( ) () (( (~a (+get)) ~ % %~ %R %RW %RR~a %X~a + - +@ -@ +@x +get| +get|| +|x & # #0 ! < > (%R~) (>x) (on) (reset) (()) {(+get} {+config|set|x}} {
            catch {r acl setuser nonsense $rule}
            assert_equal PONG [r ping]
        }
        catch {r acl setuser nonsense {*}[lrepeat 1000 (+get)] {*}[lrepeat 1000 ~[string repeat (* 100]]}
        r acl deluser nonsense
        r ping
    } {PONG}
}

start_server {tags {"security"} overrides {requirepass secret}} {
    test {Who has not authenticated gets little: lengths, counts and buffers} {
        foreach {what expected} {
            "*11\r\n" {*unauthenticated multibulk length*}
            "*1\r\n\$16385\r\n" {*unauthenticated bulk length*}
            "*2147483648\r\n" {*multibulk length*}
            "*1\r\n\$-1\r\n" {*invalid bulk length*}
        } {
            set s [socket [srv host] [srv port]]
            fconfigure $s -translation binary -buffering none
            puts -nonewline $s $what
            assert_match $expected [gets $s]
            assert_equal {} [read $s]
            close $s
        }
        # Empty requests are nothing, and what follows them is refused.
        set s [socket [srv host] [srv port]]
        fconfigure $s -translation binary -buffering none
        puts -nonewline $s "*0\r\n*-1\r\n\r\n\r\n*1\r\n\$4\r\nPING\r\n"
        assert_match {-NOAUTH*} [gets $s]
        close $s
        r auth secret
        r ping
    } {PONG}
}
