# SPDX-License-Identifier: BSD-3-Clause
#
# test.tcl - test, its assertions, and waiting for conditions.
#
# A failed assertion is an error whose code is ASSERTION: the test has failed and the next one runs. Any other
# error that leaves a test is an exception: something that nobody foresaw, after which the server's state is unknown, so the run
# stops, unless --durable asks for as many results as can be had.

proc fail {msg} {
    return -code error -errorcode ASSERTION "assertion:$msg"
}

# " (line 3: assert_equal 1 $x)" for the command of the test, or of a procedure of its file, that has failed. Lines
# count from the start of the block.
proc failing_place {} {
    for {set i 1} {$i < [info frame]} {incr i} {
        set frame [info frame -$i]
        set harness [expr {[dict exists $frame file] && ([string match */tests/support/* [dict get $frame file]] ||
            [string match */test_helper.tcl [dict get $frame file]])}]
        if {[dict get $frame type] in {eval source} && !$harness && [dict exists $frame cmd]} {
            set command [lindex [split [dict get $frame cmd] \n] 0]
            return " (line [dict get $frame line]: [string range $command 0 120])"
        }
    }
    return {}
}

proc explain {detail} {
    return [expr {$detail eq {} ? {} : " (detail: $detail)"}][failing_place]
}

proc assert {condition {detail {}}} {
    if {![uplevel 1 [list expr $condition]]} {
        fail "Expected [uplevel 1 [list subst -nocommands $condition]]$detail[failing_place]"
    }
}

proc assert_equal {expected value {detail {}}} {
    if {$expected ne $value} {fail "Expected '$value' to be equal to '$expected'[explain $detail]"}
}

proc assert_not_equal {value expected {detail {}}} {
    if {$expected eq $value} {fail "Expected '$value' not equal to '$expected'[explain $detail]"}
}

proc assert_match {pattern value {detail {}}} {
    if {![string match $pattern $value]} {fail "Expected '$value' to match '$pattern'[explain $detail]"}
}

proc assert_no_match {pattern value {detail {}}} {
    if {[string match $pattern $value]} {fail "Expected '$value' to not match '$pattern'[explain $detail]"}
}

foreach {name operator words} {
    assert_lessthan        <  {less than}
    assert_lessthan_equal  <= {less than or equal to}
    assert_morethan        >  {more than}
    assert_morethan_equal  >= {more than or equal to}
} {
    proc $name {value expected {detail {}}} [format {
        if {!($value %s $expected)} {fail "Expected '$value' to be %s '$expected'[explain $detail]"}
    } $operator $words]
}

proc assert_range {value min max {detail {}}} {
    if {$value < $min || $value > $max} {fail "Expected '$value' to be between '$min' and '$max'[explain $detail]"}
}

# The code must fail with an error that matches the pattern.
proc assert_error {pattern code {detail {}}} {
    if {![catch {uplevel 1 $code} error]} {
        fail "Expected an error matching '$pattern' but got '$error'[explain $detail]"
    }
    assert_match $pattern $error $detail
}

proc assert_encoding {encoding key} {
    if {!$::ignoreencoding} {assert_equal $encoding [r object encoding $key] $key}
}

proc assert_type {type key} {
    assert_equal $type [r type $key]
}

proc assert_refcount {count key} {
    if {[lsearch $::denytags needs:debug] < 0} {assert_equal $count [r object refcount $key]}
}

proc assert_refcount_morethan {key count} {
    if {[lsearch $::denytags needs:debug] < 0} {assert_morethan [r object refcount $key] $count $key}
}

# Tries `condition` up to `tries` times, `delay` ms apart, and runs the script after `else` where it never came true.
# With a script of one `fail`, the usual form, this is how a test waits.
proc wait_for_condition {tries delay condition _else_ elsescript} {
    while {1} {
        # A condition may ask a server that is not up yet.
        set status [catch {uplevel 1 [list expr $condition]} result]
        if {$status == 0 && $result} return
        if {[incr tries -1] <= 0} break
        after $delay
    }
    if {$status} {puts "wait_for_condition: the condition itself failed: $result"}
    uplevel 1 $elsescript
}

# True when the title is that of the pattern, or matches it where the pattern is /a regular expression/ (the closing slash may be missing).
proc title_matches {title patterns} {
    foreach pattern $patterns {
        if {[string index $pattern 0] eq "/"} {
            if {[regexp -- [string trimright [string range $pattern 1 end] /] $title]} {return 1}
        } elseif {$pattern eq $title} {
            return 1
        }
    }
    return 0
}

# Runs the body as a test of that name. With `expected`, its result must be equal to it or match it.
proc test {name code {expected undefined} {tags {}}} {
    if {![tags_acceptable [concat $::tags $tags] why]} {
        report skip $name $why
        return
    }
    if {[title_matches $name $::skiptests]} {
        report skip $name "on the skip list"
        return
    }
    if {[llength $::only_tests] && ![title_matches $name $::only_tests]} return

    set ::cur_test "$name in $::curfile"
    foreach srv $::servers {
        if {[dict exists $srv stdout] && [dict get $srv stdout] ne {}} {
            write_log_line $srv "### Starting test $::cur_test"
        }
    }
    report testing $name
    set start [clock milliseconds]
    set status [catch {uplevel 1 $code} result options]
    set elapsed [expr {[clock milliseconds] - $start}]
    set ::cur_test {}

    # A body may end with return (2).
    if {$status != 1 && ($expected eq "undefined" || $expected eq $result || [string match $expected $result])} {
        report ok $name $elapsed
        return
    }
    if {$status != 1} {
        report err $name "Expected '$expected', equal or matching, but got '$result'"
    } elseif {[dict get $options -errorcode] eq "ASSERTION"} {
        report err $name [string range $result 10 end]
    } else {
        report exception $name [dict get $options -errorinfo]
        if {!$::durable} {return -code error -errorcode STOP "exception in $name"}
    }
    if {$::dump_logs} {foreach srv $::servers {dump_server_log $srv}}
    if {$::stop} {
        report stopped $name
        gets stdin
    }
}
