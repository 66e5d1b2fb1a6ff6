# SPDX-License-Identifier: BSD-3-Clause
#
# Scripts and functions: what they return, what they may do, how they are kept, shown, counted, and ended.

start_server {tags {"scripting"}} {
    test {EVAL gives back values of every type} {
        list [r eval {return 'text'} 0] [r eval {return 3.99} 0] [r eval {return {1, 'b', {2}}} 0] [r eval {return false} 0] \
            [r eval {return {ok='fine'}} 0] [r eval {return {KEYS[1], ARGV[1], #KEYS, #ARGV}} 1 k a]
    } {text 3 {1 b 2} {} fine {k a 1 1}}

    test {The errors of EVAL's arguments} {
        assert_error {ERR value is not an integer or out of range} {r eval {return 1} x}
        assert_error {ERR Number of keys can't be greater than number of args} {r eval {return 1} 1}
        assert_error {ERR Number of keys can't be negative} {r eval {return 1} -1}
        assert_error {NOSCRIPT No matching script*} {r evalsha abc 0}
        assert_error {NOSCRIPT No matching script*} {r evalsha [string repeat a 40] 0}
        assert_error {ERR Error compiling script (new function): user_script:1: '=' expected near 'x'} {r eval {x x} 0}
    }

    test {An error tells script and line} {
        assert_error {ERR user_script:2: oops script: *, on @user_script:2.} {r eval "\nerror('oops')" 0}
        assert_error {ERR user_function:3: oops script: f, on @user_function:3.} {
            r function load "#!lua name=e\nredis.register_function('f', function()\nerror('oops') end)"
            r fcall f 0
        }
        r function flush
    } {OK}

    test {redis.call raises what redis.pcall returns} {
        r set s text
        assert_error {ERR value is not an integer or out of range script: *, on @user_script:1.} {r eval {return redis.call('incr', 's')} 0}
        assert_error {ERR value is not an integer or out of range} {r eval {return redis.pcall('incr', 's')} 0}
        r eval {return redis.pcall('incr', 's').err} 0
    } {ERR value is not an integer or out of range}

    test {No text of a script leaves the line of its error} {
        foreach script {
            {error(ARGV[1])} {error({err=ARGV[1]})} {return redis.error_reply(ARGV[1])} {return {err=ARGV[1]}}
            {error(redis.error_reply(ARGV[1]))} {redis.call(ARGV[1])}
        } {
            foreach text [list "X\r\n+INJECTED" "X\n+INJECTED\r\n" "X\0\r\n+INJECTED" "\r\n+INJECTED"] {
                catch {r eval $script 0 $text} e
                assert_no_match "*\n*" $e
                assert_equal PONG [r ping]
            }
        }
        r eval {return redis.status_reply(ARGV[1])} 0 "X\r\n+INJECTED"
    } {X  +INJECTED}

    test {Commands that scripts may not call} {
        foreach command {{eval {return 1} 0} {multi} {subscribe c} {config get x} {script flush} {client id}} {
            assert_error {ERR This Redis command is not allowed from script*} {r eval {return redis.call(unpack(ARGV))} 0 {*}$command}
        }
    }

    test {SELECT in a script ends with it} {
        r select 9
        r eval {redis.call('select', 10) redis.call('set', 'in10', 1)} 0
        set in9 [r exists in10]
        r select 10
        set in10 [r exists in10]
        r del in10
        r select 9
        list $in9 $in10
    } {0 1}

    test {Time stands still in a script} {
        r eval {
            local t = redis.call('time')
            redis.call('set', 'k', 'v', 'px', 1)
            local x = 0
            for i = 1, 300000 do x = x + i end
            local u = redis.call('time')
            return {t[1] == u[1] and t[2] == u[2], redis.call('exists', 'k')}
        } 1 k
    } {1 1}

    test {What a script has failed at counts once} {
        r config resetstat
        catch {r eval {redis.call('incr', 's')} 0}
        catch {r eval {return redis.pcall('incr', 's')} 0}
        catch {r eval {return 1 + nil} 0}
        r eval {redis.pcall('nosuch') return 1} 0
        assert_match {*calls=2*rejected_calls=0,failed_calls=2*} [cmdrstat incr r]
        assert_match {*calls=4*rejected_calls=0,failed_calls=3*} [cmdrstat eval r]
        errorrstat ERR r
    } {count=4}

    test {Scripts in the slow log} {
        r config set slowlog-log-slower-than 0
        r slowlog reset
        r eval {return redis.call('get', KEYS[1])} 1 s
        set log [r slowlog get 2]
        r config set slowlog-log-slower-than 10000
        list [lindex $log 0 3] [lindex $log 1 3]
    } {{eval {return redis.call('get', KEYS[1])} 1 s} {get s}}

    test {MONITOR shows a script before its commands} {
        set rd [redis_deferring_client]
        $rd monitor
        $rd read
        r eval {redis.call('get', 'foo') return redis.call('echo', 'bar')} 0
        assert_match {*"eval" "redis.call*"*} [$rd read]
        assert_match {*lua*"get" "foo"*} [$rd read]
        assert_match {*lua*"echo" "bar"*} [$rd read]
        $rd close
    } {0} {needs:monitor}

    test {A transaction with scripts and functions} {
        r function load replace "#!lua name=t\nredis.register_function('add', function(k, a) return redis.call('incrby', k\[1], a\[1]) end)"
        r del n
        r multi
        r eval {return redis.call('incr', KEYS[1])} 1 n
        r fcall add 1 n 5
        r eval {return redis.call('nosuch')} 0
        catch {r exec} e
        list [r get n] [string match {*Unknown Redis command*} $e]
    } {6 1}

    test {A script's write makes EXEC of a watcher fail} {
        set r2 [redis_client]
        r watch n
        $r2 eval {return redis.call('incr', KEYS[1])} 1 n
        r multi
        r get n
        set result [r exec]
        $r2 close
        set result
    } {}

    test {What a script pushes wakes who waits, once it is done} {
        set rd [redis_deferring_client]
        $rd blpop waited 0
        wait_for_condition 50 100 {[s blocked_clients] == 1} else {fail "nobody waits"}
        r eval {redis.call('rpush', KEYS[1], 'a') redis.call('lpush', KEYS[1], 'b')} 1 waited
        set result [list [$rd read] [r lrange waited 0 -1]]
        $rd close
        set result
    } {{waited b} a}

    test {SCRIPT EXISTS, LOAD and FLUSH} {
        r script flush
        set sha [r script load {return 'loaded'}]
        set before [r script exists $sha [string toupper $sha] nosuch]
        assert_equal loaded [r evalsha [string toupper $sha] 0]
        r script flush async
        assert_error {NOSCRIPT*} {r evalsha $sha 0}
        assert_error {ERR SCRIPT FLUSH only support SYNC|ASYNC option} {r script flush now}
        list $before [r script exists $sha]
    } {{1 1 0} 0}

    test {The flags of a script are its law} {
        assert_error {ERR Write commands are not allowed from read-only scripts*} {r eval "#!lua flags=no-writes\nreturn redis.call('set','a',1)" 0}
        assert_error {ERR Can not execute a script with write flag using \*_ro command.} {r eval_ro "#!lua\nreturn 1" 0}
        assert_error {ERR Unexpected flag in script shebang: nosuch} {r eval "#!lua flags=nosuch\nreturn 1" 0}
        assert_error {ERR Unexpected engine in script shebang: #!js} {r eval "#!js\nreturn 1" 0}
        assert_error {ERR Unknown lua shebang option: name=x} {r eval "#!lua name=x\nreturn 1" 0}
        assert_error {ERR Invalid script shebang} {r eval "#!lua" 0}
        r eval_ro "#!lua flags=no-writes,allow-oom\nreturn 7" 0
    } {7}
}

start_server {tags {"scripting" "functions"}} {
    set code "#!lua name=lib\nredis.register_function{function_name='f', description='d', flags={'no-writes','allow-oom'}, callback=function(k, a) return {k, a} end}"

    test {FUNCTION LOAD, LIST and DELETE} {
        assert_equal lib [r function load $code]
        assert_error {ERR Library 'lib' already exists} {r function load $code}
        assert_equal lib [r function load replace $code]
        assert_equal {{library_name lib engine LUA functions {{name f description d flags {no-writes allow-oom}}}}} [r function list]
        assert_equal {} [r function list libraryname nosuch*]
        assert_equal [lindex [r function list withcode] 0 7] $code
        assert_equal {a b} [lindex [r fcall F 2 a b c] 0]
        assert_error {ERR Library not found} {r function delete nosuch}
        assert_equal OK [r function delete lib]
        assert_error {ERR Function not found} {r fcall f 0}
        assert_error {ERR Missing library metadata} {r function load {return 1}}
        assert_error {ERR Invalid library metadata} {r function load {#!lua name=x}}
        assert_error {ERR No functions registered} {r function load "#!lua name=x\nreturn 1"}
    }

    test {A library that fails leaves the old one} {
        r function load $code
        assert_error {ERR Error registering functions: *nosuch*} {r function load replace "#!lua name=lib\nredis.register_function('g', function() end) redis.nosuch()"}
        assert_error {ERR Function f already exists} {r function load "#!lua name=other\nredis.register_function('f', function() end)"}
        list [llength [r function list]] [r fcall_ro f 0]
    } {1 {{} {}}}

    test {The functions of a library share what is local to it} {
        r function load "#!lua name=shared\nlocal n = 0\nredis.register_function('up', function() n = n + 1 return n end)\nredis.register_function('see', function() return n end)"
        list [r fcall up 0] [r fcall up 0] [r fcall see 0]
    } {1 2 2}

    test {FUNCTION DUMP and RESTORE} {
        set dump [r function dump]
        assert_error {ERR Library * already exists} {r function restore $dump}
        assert_equal OK [r function restore $dump replace]
        r function flush
        assert_equal OK [r function restore $dump append]
        assert_equal OK [r function restore $dump flush]
        assert_error {ERR DUMP payload version or checksum are wrong} {r function restore [string range $dump 1 end]}
        assert_error {ERR Wrong restore policy given*} {r function restore $dump nosuch}
        r function stats
    } {running_script {} engines {LUA {libraries_count 2 functions_count 3}}}

    test {FLUSHALL leaves functions, FUNCTION FLUSH does not} {
        r flushall
        set after_flushall [llength [r function list]]
        r function flush sync
        list $after_flushall [r function list]
    } {2 {}}
}

start_server {tags {"scripting" "busy"} overrides {busy-reply-threshold 10}} {
    proc wait_busy {} {
        wait_for_condition 100 20 {[catch {r ping} e] && [string match BUSY* $e]} else {fail "nothing is busy"}
    }

    test {While a script spins, others are told so, and can end it} {
        set rd [redis_deferring_client]
        $rd eval {while true do pcall(function() while true do end end) end} 0
        wait_busy
        assert_error {BUSY*SCRIPT KILL*} {r get x}
        assert_error {BUSY*} {r function kill}
        assert_error {BUSY*} {r shutdown}
        assert_equal OK [r script kill]
        assert_error {ERR Script killed by user with SCRIPT KILL*} {$rd read}
        $rd close
        assert_error {NOTBUSY*} {r script kill}
        r ping
    } {PONG}

    test {The same with a function} {
        r function load "#!lua name=spin\nredis.register_function('spin', function() while true do end end)"
        set rd [redis_deferring_client]
        $rd fcall spin 1 k
        wait_busy
        assert_error {BUSY*FUNCTION KILL*} {r get x}
        assert_error {BUSY*} {r script kill}
        assert_match {running_script {name spin command {fcall spin 1 k} duration_ms *} engines *} [r function stats]
        assert_equal OK [r function kill]
        assert_error {ERR Script killed by user*} {$rd read}
        $rd close
        r ping
    } {PONG}

    test {What was sent behind a long script follows it} {
        set rd [redis_deferring_client]
        $rd eval {local x = 0 for i = 1, 3000000 do x = x + i end return 'done'} 0
        $rd echo behind
        set result [list [$rd read] [$rd read]]
        $rd close
        set result
    } {done behind}

    test {A client that hangs up does not end its script} {
        set rd [redis_deferring_client]
        $rd eval {while true do end} 0
        wait_busy
        $rd close
        assert_equal OK [r script kill]
        wait_for_condition 100 20 {![catch {r ping}]} else {fail "still busy"}
        r ping
    } {PONG}

    test {A script that has written cannot be killed, but the server can} {
        set rd [redis_deferring_client]
        $rd eval {redis.call('set', KEYS[1], 1) while true do end} 1 k
        wait_busy
        assert_error {UNKILLABLE*} {r script kill}
        catch {r shutdown nosave}
        wait_for_condition 100 20 {![process_is_alive [srv 0 pid]]} else {fail "the server is still there"}
    } {} {external:skip}
}

start_server {tags {"scripting" "ldb"} overrides {busy-reply-threshold 10}} {
    test {The debugger stops, shows and goes on} {
        set rd [redis_deferring_client]
        $rd script debug sync
        assert_equal OK [$rd read]
        $rd eval "local a = {1, 'two'}\nlocal b = redis.call('incr', KEYS\[1])\nreturn {a, b}" 1 counter
        assert_equal {{* Stopped at 1, stop reason = step over} {-> 1   local a = {1, 'two'}}} [$rd read]
        $rd step
        assert_equal {{* Stopped at 2, stop reason = step over} {-> 2   local b = redis.call('incr', KEYS[1])}} [$rd read]
        $rd print a
        assert_equal [list "<value> {1; \"two\"}"] [$rd read]
        $rd print KEYS
        assert_equal [list "<value> {\"counter\"}"] [$rd read]
        $rd redis set other value
        assert_equal [list {<redis> set other value} {<reply> "+OK"}] [$rd read]
        $rd nonsense
        assert_match {*Unknown Redis Lua debugger command*} [$rd read]
        $rd step
        assert_equal {{<redis> incr counter} {<reply> 1} {* Stopped at 3, stop reason = step over} {-> 3   return {a, b}}} [$rd read]
        $rd continue
        assert_equal {<endsession>} [$rd read]
        assert_equal {{1 two} 1} [$rd read]
        assert_error {*I/O error*} {$rd read}
        $rd close
        list [r get counter] [r get other]
    } {1 value}

    test {The debugger can end the script} {
        set rd [redis_deferring_client]
        $rd script debug sync
        $rd read
        $rd eval "while true do\nredis.call('ping')\nend" 0
        $rd read
        $rd abort
        assert_match {*<endsession>*} [$rd read]
        assert_error {ERR script aborted for user request*} {$rd read}
        $rd close
        r ping
    } {PONG}

    test {The debugger stops a loop that does not end} {
        foreach mode {sync yes} {
            set rd [redis_deferring_client]
            $rd script debug $mode
            $rd read
            $rd eval "local n = 0\nwhile true do n = n + 1 end" 0
            $rd read
            $rd continue
            assert_match {{\* Stopped at 2, stop reason = timeout reached, infinite loop?} {-> 2   while*}} [$rd read]
            $rd print n
            assert_match {*<value>*} [$rd read]
            $rd step
            assert_match {{\* Stopped at 2, stop reason = step over} *} [$rd read]
            $rd abort
            assert_match {*<endsession>*} [$rd read]
            assert_error {ERR script aborted for user request*} {$rd read}
            $rd close
        }
        r ping
    } {PONG}

    test {Whoever closes a debugging session finds the server free at once} {
        for {set i 0} {$i < 5} {incr i} {
            set rd [redis_deferring_client]
            $rd script debug sync
            $rd read
            $rd eval {return 1} 0
            $rd read
            # Both reach the server at the same moment.
            pause_process [srv 0 pid]
            $rd close
            r deferred 1
            r ping
            resume_process [srv 0 pid]
            assert_equal PONG [r read]
            r deferred 0
        }
    } {} {external:skip}

    test {While a script is debugged, others are told that the server is busy} {
        set rd [redis_deferring_client]
        $rd script debug sync
        $rd read
        $rd eval {return 1} 0
        $rd read
        assert_error {BUSY*} {r get x}
        assert_error {BUSY*} {r eval {return 2} 0}
        $rd continue
        assert_equal {<endsession>} [$rd read]
        assert_equal 1 [$rd read]
        $rd close
        r ping
    } {PONG} {redport-only}

    test {A forked session sees the data of its moment, and what it changes is gone with it} {
        r flushall
        r select 9
        r set counter 41
        r rpush list a b c
        r hset hash f v
        r zadd zset 1.5 a 2 b
        r sadd set 1 2 3
        r xadd stream 1-1 f v
        r set gone x px 100000
        set forks [s total_forks]
        set rd [redis_deferring_client]
        $rd select 9
        assert_equal OK [$rd read]
        $rd script debug yes
        assert_equal OK [$rd read]
        $rd eval "local a = redis.call('incr', KEYS\[1])\nlocal l = redis.call('lrange', 'list', 0, -1)\nlocal n = redis.call('dbsize')\nredis.call('del', 'list', 'gone')\nlocal k = redis.call('keys', '*')\ntable.sort(k)\nredis.call('flushall')\nreturn {a, l, n, k, redis.call('dbsize')}" 1 counter
        assert_equal {{* Stopped at 1, stop reason = step over} {-> 1   local a = redis.call('incr', KEYS[1])}} [$rd read]
        # The server goes on, and the session does not see how.
        assert_equal 42 [r incr counter]
        r del list
        r set new value
        wait_for_condition 50 100 {[s connected_clients] == 1} else {fail "the session's client is still there"}
        assert_equal [expr {$forks + 1}] [s total_forks]
        $rd redis object encoding stream
        assert_equal [list {<redis> object encoding stream} {<reply> "stream"}] [$rd read]
        $rd redis zscore zset a
        assert_match {*1.5*} [$rd read]
        $rd redis hget hash f
        assert_match {*"v"*} [$rd read]
        $rd redis xlen stream
        assert_match {*<reply> 1*} [$rd read]
        $rd redis get new
        assert_match {*NULL*} [$rd read]
        $rd redis sismember set 2
        assert_match {*<reply> 1*} [$rd read]
        $rd step
        assert_match {{<redis> incr counter} {<reply> 42} *} [$rd read]
        $rd continue
        assert_equal {<endsession>} [$rd read]
        assert_equal {42 {a b c} 7 {counter hash set stream zset} 0} [$rd read]
        assert_error {*I/O error*} {$rd read}
        $rd close
        list [lsort [r keys *]] [r get counter] [r hget hash f]
    } {{counter gone hash new set stream zset} 42 v}

    test {Forked sessions run beside each other, and an error ends one} {
        set sessions {}
        foreach n {1 2 3} {
            set rd [redis_deferring_client]
            $rd script debug yes
            $rd read
            $rd eval "redis.call('set', 'x', '$n')\nreturn redis.call('get', 'x')" 0
            lappend sessions $rd
        }
        foreach rd $sessions {
            assert_match {*Stopped at 1*} [$rd read]
            $rd step
        }
        foreach rd $sessions {assert_match {*Stopped at 2*} [$rd read]}
        [lindex $sessions 0] abort
        assert_match {*<endsession>*} [[lindex $sessions 0] read]
        assert_error {ERR script aborted for user request*} {[lindex $sessions 0] read}
        foreach n {2 3} rd [lrange $sessions 1 2] {
            $rd continue
            assert_equal {<endsession>} [$rd read]
            assert_equal $n [$rd read]
        }
        foreach rd $sessions {$rd close}
        # A script that does not compile.
        set rd [redis_deferring_client]
        $rd script debug yes
        $rd read
        $rd eval {return (} 0
        assert_equal {<endsession>} [$rd read]
        assert_error {ERR Error compiling script*} {$rd read}
        $rd close
        r exists x
    } {0}

    test {A forked session obeys the rules of its user} {
        r acl setuser debugger on nopass ~mine* +@all -incr
        set rd [redis_deferring_client]
        $rd auth debugger any
        $rd read
        $rd script debug yes
        $rd read
        $rd eval {return redis.call('set', 'mine', 1)} 0
        $rd read
        $rd redis get other
        assert_match {*<error>*ACL failure*} [$rd read]
        $rd redis incr mine
        assert_match {*<error>*ACL failure*} [$rd read]
        $rd continue
        assert_equal {<endsession>} [$rd read]
        assert_equal OK [$rd read]
        $rd close
        r exists mine
    } {0}

    test {Forked sessions end with the server} {
        set rd [redis_deferring_client]
        $rd script debug yes
        $rd read
        $rd eval {while true do redis.call('ping') end} 0
        $rd read
        assert_match {*Redis forked for debugging eval*} [exec cat [srv 0 stdout]]
        catch {r shutdown nosave}
        wait_for_condition 100 20 {![process_is_alive [srv 0 pid]]} else {fail "the server is still there"}
        assert_match {*Killing debugging session *} [exec cat [srv 0 stdout]]
        assert_error {*I/O error*} {$rd read}
        $rd close
    } {0} {external:skip}
}
