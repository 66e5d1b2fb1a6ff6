# SPDX-License-Identifier: BSD-3-Clause
#
# LATENCY: the monitor of slow events, and the histograms of commands.

start_server {tags {"latency"} overrides {latency-monitor-threshold 20}} {
    test {Nothing is monitored below the threshold} {
        r latency reset
        r ping
        list [r latency latest] [r latency history command]
    } {{} {}}

    test {A slow command is an event} {
        r latency reset
        set now [clock seconds]
        r debug sleep 0.03
        r debug sleep 0.06
        lassign [lindex [r latency latest] 0] event time latest max
        assert_equal command $event
        assert_range $time [expr {$now - 1}] [expr {$now + 2}]
        assert_range $latest 60 5000
        assert_morethan_equal $max $latest
        set history [r latency history command]
        # Samples of one second are merged.
        assert_range [llength $history] 1 2
        foreach sample $history {assert_equal 2 [llength $sample]}
    } {} {needs:debug}

    test {LATENCY RESET forgets named events, or all} {
        r debug sleep 0.03
        assert_equal 0 [r latency reset nothing]
        assert_equal 1 [r latency reset command nothing]
        assert_equal {} [r latency latest]
        r debug sleep 0.03
        assert_equal 1 [r latency reset]
        r latency latest
    } {} {needs:debug}

    test {LATENCY GRAPH draws} {
        r latency reset
        assert_error {ERR No samples available for event 'command'} {r latency graph command}
        r debug sleep 0.03
        assert_match {command - high * ms, low * ms (all time high * ms)*---*} [r latency graph command]
    } {} {needs:debug}

    test {LATENCY DOCTOR has something to say} {
        assert_morethan [string length [r latency doctor]] 30
    }

    test {With a threshold of zero the monitor is off} {
        r latency reset
        r config set latency-monitor-threshold 0
        r debug sleep 0.03
        assert_equal {} [r latency latest]
        assert_match {*Latency monitoring is disabled*} [r latency doctor]
        r config set latency-monitor-threshold 20
    } {OK} {needs:debug}

    test {LATENCY HISTOGRAM of commands that were called} {
        r config resetstat
        r set a b
        r set a c
        r get a
        r config get hz
        set histograms [r latency histogram set get nosuch config]
        assert_equal {config|get config|resetstat get set} [lsort [dict keys $histograms]]
        assert_equal 2 [dict get $histograms set calls]
        assert_equal 1 [dict get $histograms get calls]
        # Each bucket counts those up to its microseconds.
        set buckets [dict get $histograms set histogram_usec]
        assert_equal 2 [lindex $buckets end]
        assert_equal $buckets [lsort -integer -stride 2 $buckets]
        assert_equal {} [r latency histogram nosuch]
        assert_equal {config|get} [dict keys [r latency histogram config|get]]
    } {} {external:skip}

    test {INFO commandstats and latencystats} {
        r config resetstat
        r set a b
        r get a
        catch {r incr a}
        catch {r get}
        assert_match {calls=1,usec=*,usec_per_call=*,rejected_calls=0,failed_calls=0} [cmdrstat set r]
        assert_match {calls=1,usec=*,usec_per_call=*,rejected_calls=1,failed_calls=0} [cmdrstat get r]
        assert_match {calls=1,usec=*,usec_per_call=*,rejected_calls=0,failed_calls=1} [cmdrstat incr r]
        assert_match {p50=*,p99=*,p99.9=*} [latencyrstat_percentiles set r]
        r config set latency-tracking-info-percentiles "50.0 75.5"
        assert_match {p50=*,p75.5=*} [latencyrstat_percentiles set r]
        r config set latency-tracking no
        assert_equal {} [latencyrstat_percentiles set r]
        r config set latency-tracking yes latency-tracking-info-percentiles "50 99 99.9"
    } {OK} {external:skip}

    test {INFO errorstats counts errors by their first word} {
        r config resetstat
        catch {r nosuch}
        catch {r get}
        catch {r incr a}
        catch {r auth a b}
        assert_match {count=3} [errorrstat ERR r]
        assert_match {count=1} [errorrstat WRONGPASS r]
        assert_equal 4 [s total_error_replies]
    } {} {external:skip}

    test {LATENCY HELP} {
        assert_match {LATENCY <subcommand>*} [lindex [r latency help] 0]
    }
}
