// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"regexp"
	"strings"
	"testing"
)

func TestInfoSections(t *testing.T) {
	const (
		defaults = "Server Clients Memory Persistence Threads Stats Replication CPU Modules Errorstats Cluster Keyspace Keysizes"
		all      = "Server Clients Memory Persistence Threads Stats Replication CPU Modules Commandstats Errorstats Latencystats Cluster Keyspace Keysizes"
	)
	c := idleServer(t).fakeClient()
	heading := regexp.MustCompile(`(?m)^# (\w+)\r$`)
	for args, want := range map[string]string{
		"": defaults, "default": defaults, "all": all, "everything": all, "default commandstats": strings.Replace(defaults, "Errorstats", "Commandstats Errorstats", 1),
		"CPU server": "Server CPU", "server SERVER": "Server", "module_list": "Modules", "debug": "Debug", "all debug": all + " Debug", "nosuch": "",
	} {
		reply := c.run(append([]string{"INFO"}, strings.Fields(args)...)...)
		var got []string
		for _, m := range heading.FindAllStringSubmatch(reply, -1) {
			got = append(got, m[1])
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("INFO %s has the sections %s, want %s", args, s, want)
		}
	}
}

// Every line of INFO is a heading, a field, or empty between sections; no format has gone wrong.
func TestInfoLines(t *testing.T) {
	ts := RunT(t)
	conn := ts.dial(t)
	conn.do("SET", "k", "v")
	conn.do("NOSUCH")
	info := conn.do("INFO", "everything", "debug")
	line := regexp.MustCompile(`^([A-Za-z0-9_|.]+:.*|# [A-Z]\w+|)$`)
	for l := range strings.SplitSeq(strings.TrimSuffix(info, "\r\n"), "\r\n") {
		if !line.MatchString(l) || strings.Contains(l, "%!") {
			t.Errorf("a bad line: %q", l)
		}
	}
	for _, field := range []string{"redis_version:8.0.6\r\n", "cmdstat_set:calls=1,", "errorstat_ERR:count=1\r\n", "db0:keys=1,expires=0,", "db0_distrib_strings_sizes:1=1\r\n"} {
		if !strings.Contains(info, field) {
			t.Errorf("%q is missing in\n%s", field, info)
		}
	}
}

func TestKeysizesBinLabel(t *testing.T) {
	for size, want := range map[int]string{0: "0", 1: "1", 2: "2", 3: "2", 4: "4", 1023: "512", 1024: "1K", 3000: "2K", 1 << 20: "1M", 1 << 30: "1G"} {
		if got := keysizesBinLabel(keysizesBin(size)); got != want {
			t.Errorf("size %d is in bin %s, want %s", size, got, want)
		}
	}
}
