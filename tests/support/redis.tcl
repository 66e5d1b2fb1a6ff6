# SPDX-License-Identifier: BSD-3-Clause
#
# redis.tcl - a Redis client.
#
#	set r [redis 127.0.0.1 6379]
#	$r set greeting hello           -> OK
#	$r get greeting                 -> hello
#
# A method that the class does not define is a Redis command. An error reply is a Tcl error with the text of the reply.
# RESP2 and RESP3 are both understood at any time: maps and sets become lists, null an empty string, booleans 0 and 1.
#
# In deferred mode a command is only sent, and `$r read` takes the replies in turn: so a test can hold a blocked client
# or pipeline. In raw mode (readraw) a reply is one line of the protocol as it came, without its CRLF.
#
# Every read gives up after ::redis::timeout milliseconds without a byte, so that a server that is stuck
# fails one test and not the run.

package require Tcl 8.6-

namespace eval ::redis {
    variable timeout 60000
}

# Connects to a server; defer 1 gives a deferred client. With tls 1 the tcl-tls extension does the handshake,
# tlsoptions being handed to it.
proc redis {{host 127.0.0.1} {port 6379} {defer 0} {tls 0} {tlsoptions {}} {readraw 0}} {
    set client [::redis::Client new [list $host $port $tls $tlsoptions]]
    $client deferred $defer
    $client readraw $readraw
    return $client
}

# A client that speaks over a channel which is open already (a pipe to a program that holds the other end, say).
proc redis_on_channel {channel {defer 0}} {
    set client [::redis::Client new [list $channel]]
    $client deferred $defer
    return $client
}

oo::class create ::redis::Client {
    variable fd address deferred blocking raw attributes

    constructor where {
        set address $where
        set deferred 0
        set blocking 1
        set raw 0
        set attributes {}
        my Connect
    }

    destructor {
        catch {::close $fd}
    }

    method Connect {} {
        if {[llength $address] == 1} {
            set fd [lindex $address 0]
        } else {
            lassign $address host port tls options
            if {$tls} {
                package require tls
                set fd [::tls::socket {*}$options $host $port]
            } else {
                set fd [socket $host $port]
            }
        }
        fconfigure $fd -translation binary -blocking 1 -buffering full -buffersize 65536
    }

    # --- Sending ---

    method unknown {command args} {
        my Send [list $command {*}$args]
        if {!$deferred} {return [my read]}
    }

    # The multi bulk form. Values are bytes: a character beyond 255 would be cut by the binary channel, so that text is sent
    # as UTF-8. A client whose connection was lost connects again for its next command.
    method Send {argv} {
        if {$fd eq {}} {my Connect}
        set out "*[llength $argv]\r\n"
        foreach arg $argv {
            if {[regexp {[^\u0000-\u00ff]} $arg]} {set arg [encoding convertto utf-8 $arg]}
            append out "\$[string length $arg]\r\n" $arg "\r\n"
        }
        my write $out
        my flush
    }

    # Bytes as they are, for what no well-behaved client sends.
    method write {bytes} {
        if {$fd eq {}} {error "I/O error: not connected"}
        puts -nonewline $fd $bytes
    }

    method flush {} {
        if {[catch {::flush $fd}]} {
            my Disconnect
            error "I/O error reading reply"
        }
    }

    # --- State ---

    method deferred {on} {set deferred $on; return}
    method blocking {on} {set blocking $on; return}
    method readraw {on} {set raw $on; return}
    method readingraw {} {return $raw}
    method channel {} {return $fd}
    method attributes {} {return $attributes}

    method reconnect {args} {
        my Disconnect
        my Connect
    }

    method close {} {
        my destroy
        return 0
    }

    method Disconnect {} {
        catch {::close $fd}
        set fd {}
    }

    # --- Receiving ---

    # The next reply. With `blocking 0` an empty string where none has begun to arrive.
    method read {} {
        if {$fd eq {}} {error "I/O error: not connected"}
        ::flush $fd
        if {!$blocking && ![my Pending]} {return {}}
        if {$raw} {return [my Line]}
        set failure {}
        set reply [my Reply failure]
        if {$failure ne {}} {return -code error $failure}
        return $reply
    }

    # n bytes as they are, or, with no n, all that is there now.
    method rawread {{n -1}} {
        ::flush $fd
        if {$n >= 0} {return [my Bytes $n]}
        fconfigure $fd -blocking 0
        set bytes [::read $fd]
        fconfigure $fd -blocking 1
        return $bytes
    }

    # True when input is there, or the end of it.
    method Pending {} {
        if {[chan pending input $fd] > 0} {return 1}
        my Await 0
        return [set [self namespace]::ready]
    }

    # Waits until the channel can be read. `ready` is 0 when that took more than ms.
    method Await {ms} {
        set flag [self namespace]::ready
        set $flag {}
        set timer [after $ms [list set $flag 0]]
        fileevent $fd readable [list set $flag 1]
        while {[set $flag] eq {}} {vwait $flag}
        fileevent $fd readable {}
        after cancel $timer
    }

    method AwaitInput {} {
        if {[chan pending input $fd] > 0} return
        my Await $::redis::timeout
        if {![set [self namespace]::ready]} {
            my Disconnect
            error "I/O error reading reply: nothing came for $::redis::timeout ms"
        }
    }

    method Line {} {
        my AwaitInput
        if {[catch {gets $fd line} n] || $n < 0} {
            my Disconnect
            error "I/O error reading reply"
        }
        return [string trimright $line \r]
    }

    method Bytes {n} {
        set bytes {}
        while {[string length $bytes] < $n} {
            my AwaitInput
            set more {}
            catch {set more [::read $fd [expr {$n - [string length $bytes]}]]}
            if {$more eq {}} {
                my Disconnect
                error "I/O error reading reply"
            }
            append bytes $more
        }
        return $bytes
    }

    method Bulk {size} {
        if {$size < 0} return
        set bytes [my Bytes $size]
        my Bytes 2
        return $bytes
    }

    # The first error inside an aggregate is the error of the whole, once all of it has been read.
    method Elements {n failureName} {
        upvar 1 $failureName failure
        set list {}
        for {set i 0} {$i < $n} {incr i} {
            set inner {}
            lappend list [my Reply inner]
            if {$inner ne {} && $failure eq {}} {set failure $inner}
        }
        return $list
    }

    method Reply {failureName} {
        upvar 1 $failureName failure
        set line [my Line]
        set rest [string range $line 1 end]
        switch -exact -- [string index $line 0] {
            + - : - ( {return $rest}
            - {set failure $rest; return $rest}
            $ {return [my Bulk $rest]}
            * - ~ - > {return [my Elements $rest failure]}
            % {return [my Elements [expr {2 * $rest}] failure]}
            _ {return {}}
            # {return [expr {$rest eq "t"}]}
            , {
                switch -exact -- $rest {
                    inf {return Inf}
                    -inf {return -Inf}
                    default {return $rest}
                }
            }
            = {return [string range [my Bulk $rest] 4 end]}
            ! {set failure [my Bulk $rest]; return $failure}
            | {
                set attributes [my Elements [expr {2 * $rest}] failure]
                return [my Reply failure]
            }
        }
        my Disconnect
        error "Bad protocol, '$line' is no reply"
    }
}
