module redport

go 1.26
