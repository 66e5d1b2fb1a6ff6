# SPDX-License-Identifier: BSD-3-Clause
#
# ACL: users, their rules, and what they may do.

# The line of a user in ACL LIST, without "user <name>".
proc acl_line {name} {
    foreach line [r acl list] {
        if {[lindex [split $line] 1] eq $name} {return [join [lrange [split $line] 2 end]]}
    }
    return {}
}

# A connection that has sent nothing yet.
proc new_client {} {return [redis [srv host] [srv port] 0 $::tls]}

# A connection that runs as the user.
proc client_as {name {password x}} {
    set c [redis_client]
    $c auth $name $password
    return $c
}

# Writes lines into a new file and returns its name.
proc acl_file {args} {
    set file [tmpdir acl]/users.acl
    set f [open $file w]
    foreach line $args {puts $f $line}
    close $f
    return $file
}

start_server {tags {"acl external:skip"}} {
    test {Rules come back in their canonical form} {
        foreach {rules line} {
            {} {off sanitize-payload resetchannels -@all}
            {on nopass ~* &* +@all} {on nopass sanitize-payload ~* &* +@all}
            {ON AllKeys %R~x} {}
            {%r~a %W~a %wR~b} {off sanitize-payload ~a ~b resetchannels -@all}
            {%R %w~} {off sanitize-payload ~ resetchannels -@all}
            {+@all -@slow -config|set -config} {off sanitize-payload resetchannels +@all -@slow -config}
            {-@all -get +GET} {off sanitize-payload resetchannels -@all +get}
            {+select|1 +SELECT|ABC} {off sanitize-payload resetchannels -@all +select|1 +select|abc}
            {&a &b resetchannels &c} {off sanitize-payload resetchannels &c -@all}
            {skip-sanitize-payload} {off skip-sanitize-payload resetchannels -@all}
            {( +get ~a ) (%R~b) ()} {off sanitize-payload resetchannels -@all (~a resetchannels -@all +get) (%R~b resetchannels -@all) (resetchannels -@all)}
            {(~a) (~b) clearselectors (~c)} {off sanitize-payload resetchannels -@all (~c resetchannels -@all)}
        } {
            r acl deluser u
            catch {r acl setuser u {*}$rules}
            assert_equal $line [acl_line u] $rules
        }
    }

    test {What is wrong with a rule is told, and then none is applied} {
        r acl setuser u reset on ~a
        set before [acl_line u]
        foreach {rules message} {
            {~b nosuch} {Error in ACL SETUSER modifier 'nosuch': Syntax error}
            {~b %} {Error in ACL SETUSER modifier '%': Syntax error}
            {+nosuch} {Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL}
            {+@nosuch} {Error in ACL SETUSER modifier '+@nosuch': Unknown command or category name in ACL}
            {-select|1} {Error in ACL SETUSER modifier '-select|1': Unknown command or category name in ACL}
            {+config|nosuch} {Error in ACL SETUSER modifier '+config|nosuch': Unknown command or category name in ACL}
            {+config|get|x} {Error in ACL SETUSER modifier '+config|get|x': Allowing first-arg of a subcommand is not supported}
            {<nopassword} {Error in ACL SETUSER modifier '<nopassword': The password you are trying to remove from the user does not exist}
            {#12} {Error in ACL SETUSER modifier '#12': The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters}
            {(+get} {Unmatched parenthesis in acl selector starting at '(+get'.}
            {(on)} {Error in ACL SETUSER modifier '(on)': Syntax error}
            {allchannels &x} {Error in ACL SETUSER modifier '&x': Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels}
        } {
            catch {r acl setuser u {*}$rules} e
            assert_equal "ERR $message" $e
            assert_equal $before [acl_line u] $rules
        }
    }

    test {ACL GETUSER in RESP3 is a map with a set of flags} {
        r acl setuser u reset on nopass ~a &c +get (%R~b)
        set c [redis_client]
        $c hello 3
        $c readraw 1
        $c deferred 1
        $c acl getuser u
        set lines {}
        foreach _ {1 2 3} {lappend lines [$c read]}
        $c close
        set lines
    } {%6 {$5} flags}

    test {Two selectors do not add up} {
        r acl setuser u reset on nopass {(%R~a +@all)} {(%W~b +@all)}
        set c [client_as u]
        assert_equal {} [$c get a]
        assert_equal 1 [$c lpush b x]
        assert_error {NOPERM No permissions to access a key} {$c copy a b}
        assert_error {NOPERM No permissions to access a key} {$c lpush a x}
        assert_error {NOPERM No permissions to access a key} {$c lrange b 0 -1}
        $c close
        r del b
    } {1}

    test {A key may be read or written as the options say} {
        r acl setuser u reset +@all %R~r %W~w
        foreach {command verdict} {
            {set w 1} OK
            {set w 1 get} {User u has no permissions to access the 'w' key}
            {bitfield r get u8 0} OK
            {bitfield r get u8 0 set u8 0 1} {User u has no permissions to access the 'r' key}
            {exists r w} OK
            {getset w 1} {User u has no permissions to access the 'w' key}
            {geosearchstore w r fromlonlat 0 0 byradius 1 m} OK
            {geosearchstore r r fromlonlat 0 0 byradius 1 m} {User u has no permissions to access the 'r' key}
            {xread count 1 streams r 0} OK
            {xread count 1 streams w 0} {User u has no permissions to access the 'w' key}
            {zunionstore w 2 r r} OK
            {zunionstore w 2 r x} {User u has no permissions to access the 'x' key}
            {publish c m} {User u has no permissions to access the 'c' channel}
            {get} {ERR wrong number of arguments for 'get' command}
            {nosuch} {ERR Command 'nosuch' not found}
        } {
            catch {r acl dryrun u {*}$command} got
            assert_equal $verdict $got $command
        }
    }

    test {A command that waits is checked again when it goes on} {
        r acl setuser u reset on nopass +@all ~*
        set c [redis_deferring_client]
        $c auth u x
        $c read
        $c blpop q 0
        wait_for_blocked_client
        r acl setuser u -blpop
        r rpush q x
        assert_error {NOPERM User u has no permissions to run the 'blpop' command} {$c read}
        assert_equal 1 [r llen q]
        r del q
        $c close
    }

    test {A queued command is checked again by EXEC} {
        r acl setuser u reset on nopass +@all ~a ~b
        set c [client_as u]
        $c multi
        $c incr a
        $c incr b
        r acl setuser u resetkeys ~b
        catch {$c exec} e
        assert_match {NOPERM ACLs rules changed between*no permission to touch the specified keys} $e
        assert_equal {{} 1} [list [r get a] [r get b]]
        $c close
        r del b
    } {1}

    test {Rights of a script are those of its caller} {
        r acl setuser u reset on nopass +@all ~ok* -get
        set c [client_as u]
        assert_error {ERR ACL failure in script: User u has no permissions to run the 'get' command*} {$c eval {return redis.call('get', 'ok')} 0}
        assert_error {ERR ACL failure in script: No permissions to access a key*} {$c eval {return redis.call('set', 'no', 1)} 0}
        assert_error {NOPERM No permissions to access a key} {$c eval {return 1} 1 no}
        assert_equal {{} 1} [$c eval {return {redis.acl_check_cmd('get', 'ok'), redis.acl_check_cmd('set', 'ok', 1)}} 0]
        $c close
    }

    test {A user that is switched off keeps its connections, and gets no new ones} {
        r acl setuser u reset on >x +@all
        set c [client_as u]
        r acl setuser u off
        assert_equal PONG [$c ping]
        assert_error {WRONGPASS *} {client_as u}
        $c close
    }

    test {A deleted user loses its connections, blocked ones included} {
        r acl setuser u reset on >x +@all ~*
        set c [redis_deferring_client]
        $c auth u x
        $c read
        $c blpop q 0
        wait_for_blocked_client
        assert_equal 1 [r acl deluser u nobody]
        assert_error {I/O error*} {$c read}
        $c close
        wait_for_blocked_clients_count 0
    }

    test {Subscribers stay only while all that they listen to is theirs} {
        foreach {subscribe before after stays} {
            {subscribe a}    {&a &b}  {&a}     1
            {subscribe a}    {&a &b}  {&b}     0
            {subscribe a1}   {&a*}    {&a1}    1
            {psubscribe a*}  {&a*}    {&a* &b} 1
            {psubscribe a*}  {&a*}    {&*}     1
            {psubscribe a*}  {allchannels}  {&a1 &a2} 0
            {ssubscribe a}   {&a}     {&b}     0
        } {
            r acl setuser u reset on nopass +@all {*}$before
            set c [redis_deferring_client]
            $c auth u x
            $c read
            $c {*}$subscribe
            $c read
            r acl setuser u resetchannels {*}$after
            $c ping
            set alive [expr {![catch {$c read}]}]
            assert_equal $stays $alive "$subscribe, $before, $after"
            $c close
        }
    }

    test {PSUBSCRIBE takes patterns that a rule names, not those that it matches} {
        r acl setuser u reset on nopass +@all {&news.*}
        set c [client_as u]
        assert_error {NOPERM No permissions to access a channel} {$c psubscribe news.a*}
        assert_equal {psubscribe news.* 1} [$c psubscribe news.*]
        $c close
    }

    test {Whoever has no password needs none, and any will do} {
        r acl setuser u reset on nopass +@all
        foreach password {a {} "\x00\xff"} {[client_as u $password] close}
        r acl setuser u resetpass
        assert_error {WRONGPASS *} {client_as u a}
        r acl setuser u ">\x00\xff"
        [client_as u "\x00\xff"] close
        assert_error {WRONGPASS *} {client_as u "\x00"}
    }

    test {requirepass is the password of the default user} {
        r config set requirepass secret
        set c [new_client]
        assert_error {NOAUTH *} {$c ping}
        assert_equal OK [$c auth secret]
        assert_equal OK [$c auth default secret]
        assert_equal {on sanitize-payload} [dict get [$c acl getuser default] flags]
        r config set requirepass {}
        assert_equal {on nopass sanitize-payload} [dict get [$c acl getuser default] flags]
        assert_error {ERR AUTH <password> called without any password*} {$c auth secret}
        $c close
    }

    test {ACL LOG tells who was denied what} {
        r acl log reset
        r acl setuser u reset on nopass +@all -get ~a
        set c [client_as u]
        catch {$c get a}
        catch {$c set b 1}
        catch {$c set b 1}
        catch {$c publish c m}
        catch {$c auth u2 x}
        $c close
        set got {}
        foreach entry [r acl log] {
            lappend got [list [dict get $entry count] [dict get $entry reason] [dict get $entry context] [dict get $entry object] [dict get $entry username]]
            assert_match "*user=u *" [dict get $entry client-info]
        }
        assert_equal {{1 auth toplevel auth u2} {1 channel toplevel c u} {2 key toplevel b u} {1 command toplevel get u}} $got
        assert_equal 2 [llength [r acl log 2]]
        assert_equal 0 [llength [r acl log -1]]
        r acl log reset
        r acl log
    } {}

    test {ACL GENPASS makes as many bits as it is told} {
        assert_equal {64 1 2 1024} [list [string length [r acl genpass]] [string length [r acl genpass 4]] [string length [r acl genpass 5]] [string length [r acl genpass 4096]]]
        assert_error {ERR ACL GENPASS argument must be*} {r acl genpass 4097}
        assert_error {ERR value is not an integer or out of range} {r acl genpass x}
    }
}

start_server {tags {"acl external:skip"}} {
    test {Users are written into the config file, and come back} {
        r acl setuser u on ">p" {~a*} {%R~b} {&c} +@all -@slow {(~d +get)}
        r acl setuser default >pass -flushall
        set before [r acl list]
        r config rewrite
        restart_server 0 true false false
        set c [new_client]
        $c auth pass
        assert_equal $before [$c acl list]
        $c acl deluser u
        $c config rewrite
        $c close
        restart_server 0 true false false
        set c [new_client]
        $c auth pass
        assert_equal {default} [$c acl users]
        $c close
    }
}

# C Redis 8.0 panics when it loads that.
start_server {overrides {appendonly yes} tags {acl aof external:skip redport-only}} {
    test {What the append-only file holds is executed whatever its users may do now} {
        r set n 1
        r multi
        r incr n
        r incr n
        r exec
        r eval {return redis.call('incr', 'n')} 0
        r acl setuser default -incr -multi -exec
        r config rewrite
        restart_server 0 true false
        assert_error {NOPERM *} {r incr n}
        r get n
    } {4}
}

set file [acl_file {user alice on nopass ~* +@all} {} {user default on nopass ~* &* +@all}]
start_server [list overrides [list aclfile $file] tags {acl external:skip}] {
    test {ACL LOAD takes a whole file or nothing} {
        set before [r acl list]
        foreach {lines message} {
            {{user bob on} {user bob off}} {WARNING: Duplicate user 'bob' found on line 2. }
            {{# users}} {:1 should start with user keyword followed by the username. }
            {{user}} {:1 should start with user keyword followed by the username. }
            {{user bob +nosuch -@nosuch}} {:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. *:1: Error in applying operation '-@nosuch': Unknown command or category name in ACL. }
            {{user bob x y}} {:1: Syntax error. }
        } {
            set f [open $file w]
            foreach line $lines {puts $f $line}
            close $f
            catch {r acl load} e
            assert_match "ERR *${message}WARNING: ACL errors detected, no change to the previously active ACL rules was performed" $e
            assert_equal $before [r acl list]
        }
    }

    test {ACL SAVE writes what ACL LOAD reads} {
        r acl setuser carol on >x ~a* {(%W~b +set)}
        assert_equal OK [r acl save]
        set before [r acl list]
        r acl deluser alice
        r acl setuser dave on
        assert_equal OK [r acl load]
        assert_equal $before [r acl list]
    }

    test {Connections outlive ACL LOAD unless their user is gone} {
        r acl setuser erin on nopass +@all
        set c [client_as alice]
        set d [client_as erin]
        r acl load
        assert_equal alice [$c acl whoami]
        assert_error {I/O error*} {$d ping}
        $c close
        $d close
    } {0}
}

start_server {tags {"acl external:skip"}} {
    test {A server with users that it cannot make does not start} {
        foreach {arguments message} {
            {--user bob on +nosuch} {*Error loading ACL rule '+nosuch' for the user named 'bob': Unknown command or category name in ACL*Critical error while loading ACLs. Exiting.*}
            {--user bob on nosuch} {*Error in user declaration 'bob': Syntax error*}
            {--user bob --user bob} {*Error in user declaration 'bob': Duplicate user found. A user can only be defined once in config files*}
            {--user bob --aclfile users.acl} {*Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid.*}
            {--aclfile nosuch.acl} {*Aborting Redis startup because of ACL errors: Error loading ACLs, opening file 'nosuch.acl': No such file or directory*}
        } {
            lassign [start_refused --port 0 --dir [tmpdir acl] {*}$arguments] status output
            assert_equal 1 $status $arguments
            assert_match $message $output
        }
    }
}
