"""Index advice for MongoDB: what each query would read with which index, estimated on a sample.

A fixed order of fields (equality, sort, range) is right for most queries and thousands of times
wrong for the rest, so no order is assumed here: documents are sampled, and for each candidate the
keys and documents that a query would examine are counted on the sample.
"""
